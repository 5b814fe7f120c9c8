"""Encryption at rest: chosen resources are stored encrypted (Encrypting Confidential Data at Rest).

`configuration.py` reads the EncryptionConfiguration, `providers.py` holds the ways of encrypting, `secretbox.py`
NaCl's, `kms.py` and `kms_service.py` the one with a key management service, `store.py` is the store in front of the
store that does it. Values begin as upstream's do (`k8s:enc:aescbc:v1:key1:`).
"""
