"""The persistent volume binder: claims and volumes find each other, and part again.

* `match.py`: which volume suits a claim. Pure.
* `plan.py`: what to do with one claim or one volume in its present state. Pure; read this first.
* `controller.py`: reads, writes, records events.

Volumes are made and removed by provisioners outside (KEP-1885's annotations tell them which); this controller asks for
them and binds what appears. Follows the concept page "Persistent Volumes".
"""
