"""What every cluster gets besides the API: the DNS service and, unless declined, a sample application.

Each add-on is a list of wire-form objects; `apply.py` brings the API in line with them at every start, so that a
changed address or a removed object is mended by a restart.
"""
