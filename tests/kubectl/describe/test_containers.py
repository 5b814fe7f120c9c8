"""Containers in descriptions: what no released client shows, so that nothing can be compared."""

from pybernetes.kubectl.describe.pods import describe_template


def test_a_variable_from_a_file_tells_which_key_of_which_file() -> None:
    file = {"volumeName": "config", "path": "app.env", "key": "TOKEN"}
    container = {"name": "c", "image": "x", "env": [{"name": "TOKEN", "valueFrom": {"fileKeyRef": file}}]}
    lines = describe_template({"spec": {"containers": [container]}}).splitlines()
    shown = "TOKEN:\t<set to the key 'TOKEN' of file 'app.env' in volume 'config'>\tOptional: false"
    assert shown in [line.strip() for line in lines]
