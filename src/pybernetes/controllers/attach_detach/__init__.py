"""The attach-detach controller: CSI volumes are attached to the nodes of the pods that use them, and detached again.

`plan.py` decides which attachments a node should have; `controller.py` keeps VolumeAttachments and node statuses. The
attaching itself is done by the driver's external attacher, which watches VolumeAttachments.
"""
