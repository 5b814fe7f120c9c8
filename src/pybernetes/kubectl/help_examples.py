"""Examples of each command, a line each, as help texts show them."""

from __future__ import annotations

EXAMPLES: dict[str, str] = {
    "create": ("kubectl create -f web.yaml\ngenerate-objects | kubectl create -f -"),
    "create clusterrole": (
        "kubectl create clusterrole node-reader --verb=get,list,watch --resource=nodes\n"
        "kubectl create clusterrole probe --verb=get --non-resource-url=/livez,/readyz"
    ),
    "create clusterrolebinding": (
        "kubectl create clusterrolebinding ops --clusterrole=cluster-admin --group=operators"
    ),
    "create configmap": ("kubectl create configmap settings --from-literal=color=blue --from-file=./settings/"),
    "create cronjob": "kubectl create cronjob nightly --image=busybox --schedule='0 3 * * *' -- date",
    "create deployment": "kubectl create deployment web --image=nginx --replicas=3",
    "create ingress": "kubectl create ingress shop --rule=shop.example.org/*=shop:80,tls=shop-cert",
    "create job": ("kubectl create job once --image=busybox -- date\nkubectl create job now --from=cronjob/nightly"),
    "create namespace": "kubectl create namespace team-a",
    "create poddisruptionbudget": ("kubectl create poddisruptionbudget web --selector=app=web --min-available=2"),
    "create priorityclass": ("kubectl create priorityclass urgent --value=100000 --description='goes first'"),
    "create quota": "kubectl create quota team-a --hard=cpu=4,memory=8G,pods=20",
    "create role": "kubectl create role pod-reader --verb=get,list,watch --resource=pods,pods/log",
    "create rolebinding": (
        "kubectl create rolebinding readers --role=pod-reader --user=ann --serviceaccount=team-a:robot"
    ),
    "create secret docker-registry": (
        "kubectl create secret docker-registry mirror --docker-server=registry.example.org "
        "--docker-username=ann --docker-password=secret"
    ),
    "create secret generic": (
        "kubectl create secret generic db --from-literal=user=app --from-file=password=./password.txt"
    ),
    "create secret tls": "kubectl create secret tls shop-cert --cert=shop.crt --key=shop.key",
    "create service clusterip": "kubectl create service clusterip web --tcp=80:8080",
    "create service externalname": ("kubectl create service externalname mail --external-name=mail.example.org"),
    "create service loadbalancer": "kubectl create service loadbalancer web --tcp=80:8080",
    "create service nodeport": "kubectl create service nodeport web --tcp=80:8080 --node-port=30080",
    "create serviceaccount": "kubectl create serviceaccount robot",
    "create token": "kubectl create token robot --duration=30m --audience=https://vault.example.org",
    "expose": "kubectl expose deployment web --port=80 --target-port=8000",
    "run": ("kubectl run nginx --image=nginx\nkubectl run -i -t busybox --image=busybox --restart=Never --rm"),
    "set env": (
        "kubectl set env deployment/web MODE=fast DEBUG-\n"
        "kubectl set env deployment/web --from=configmap/settings --prefix=APP_\n"
        "kubectl set env pods --all --list"
    ),
    "set image": "kubectl set image deployment/web nginx=nginx:1.9.1",
    "set resources": ("kubectl set resources deployment web -c=app --requests=cpu=100m --limits=cpu=500m,memory=256Mi"),
    "set selector": "kubectl set selector service web 'app=web,track=stable'",
    "set serviceaccount": "kubectl set serviceaccount deployment web robot",
    "set subject": "kubectl set subject rolebinding readers --user=bob --group=auditors",
    "explain": ("kubectl explain pods\nkubectl explain pods.spec.containers --recursive"),
    "get": (
        "kubectl get pods -o wide\n"
        "kubectl get deployments.v1.apps -o json\n"
        "kubectl get -o template pod/web --template={{.status.phase}}\n"
        "kubectl get pods --sort-by=.metadata.name -w"
    ),
    "edit": ("kubectl edit deployment/web\nKUBE_EDITOR=nano kubectl edit service web -o json"),
    "delete": ("kubectl delete -f ./pod.json\nkubectl delete pods,services -l name=x\nkubectl delete pod foo --now"),
    "rollout": ("kubectl rollout status deployment/web\nkubectl rollout undo deployment/web"),
    "rollout history": "kubectl rollout history deployment/web --revision=3",
    "rollout pause": "kubectl rollout pause deployment/web",
    "rollout restart": ("kubectl rollout restart deployment/web\nkubectl rollout restart daemonset -l tier=agent"),
    "rollout resume": "kubectl rollout resume deployment/web",
    "rollout status": "kubectl rollout status deployment/web --timeout=2m",
    "rollout undo": "kubectl rollout undo deployment/web --to-revision=3",
    "scale": "kubectl scale --replicas=3 deployment/web",
    "autoscale": "kubectl autoscale deployment web --min=2 --max=8 --cpu=70%",
    "certificate approve": "kubectl certificate approve ann",
    "certificate deny": "kubectl certificate deny ann",
    "cluster-info": "kubectl cluster-info",
    "cluster-info dump": ("kubectl cluster-info dump --namespaces=team-a,team-b --output-directory=./state"),
    "top node": "kubectl top node --sort-by=memory",
    "top pod": ("kubectl top pod -A --sort-by=cpu\nkubectl top pod web-0 --containers"),
    "cordon": "kubectl cordon node-1",
    "uncordon": "kubectl uncordon node-1",
    "drain": "kubectl drain foo --ignore-daemonsets --force",
    "taint": ("kubectl taint nodes node-1 dedicated=batch:NoSchedule\nkubectl taint nodes node-1 dedicated-"),
    "describe": ("kubectl describe nodes my-node\nkubectl describe pods -l app=web"),
    "logs": ("kubectl logs web\nkubectl logs -f -l app=web --all-containers\nkubectl logs -p -c ruby web-1"),
    "attach": ("kubectl attach web-0 -c app\nkubectl attach deployment/shell -it"),
    "exec": ("kubectl exec mypod -- date\nkubectl exec -it mypod -c app -- bash"),
    "port-forward": ("kubectl port-forward pod/mypod 5000 6000\nkubectl port-forward svc/web 8443:https"),
    "proxy": ("kubectl proxy\nkubectl proxy --port=8011 --www=./local/www/"),
    "cp": ("kubectl cp /tmp/foo some-pod:/tmp/bar -c container\nkubectl cp my-namespace/some-pod:/tmp/foo /tmp/bar"),
    "auth can-i": (
        "kubectl auth can-i delete pods -n team-a\nkubectl auth can-i get /metrics --as=ann\nkubectl auth can-i --list"
    ),
    "auth reconcile": "kubectl auth reconcile -f roles.yaml --remove-extra-permissions",
    "auth whoami": "kubectl auth whoami -o json",
    "debug": ("kubectl debug web -it --image=busybox\nkubectl debug node/mynode -it --image=busybox"),
    "events": ("kubectl events --for=pod/web-0 --watch\nkubectl events -A --types=Warning"),
    "diff": ("kubectl diff -f web.yaml\nKUBECTL_EXTERNAL_DIFF='diff -u --color' kubectl diff -k overlays/test"),
    "apply": ("kubectl apply -f ./pod.json\nkubectl apply -k dir/\ncat pod.json | kubectl apply -f -"),
    "apply edit-last-applied": "kubectl apply edit-last-applied deployment/web",
    "apply set-last-applied": "kubectl apply set-last-applied -f web.yaml --create-annotation",
    "apply view-last-applied": "kubectl apply view-last-applied deployment/web -o json",
    "patch": 'kubectl patch node n1 -p \'{"spec":{"unschedulable":true}}\'',
    "replace": ("kubectl replace -f web.yaml\nkubectl replace --force -f job.yaml"),
    "wait": ("kubectl wait --for=condition=Ready pod/busybox1\nkubectl wait --for=delete pod/busybox1 --timeout=60s"),
    "kustomize": "kubectl kustomize overlays/test",
    "label": (
        "kubectl label pods foo unhealthy=true\n"
        "kubectl label --overwrite pods foo status=unhealthy\n"
        "kubectl label pods foo bar-"
    ),
    "annotate": (
        "kubectl annotate pod web-0 contact=ann\n"
        "kubectl annotate --overwrite -f web.yaml contact=bob\n"
        "kubectl annotate pod web-0 contact-"
    ),
    "completion": ('source <(kubectl completion bash)\nkubectl completion zsh > "${fpath[1]}/_kubectl"'),
    "api-resources": (
        "kubectl api-resources --verbs=list --namespaced -o name\nkubectl api-resources --api-group=apps"
    ),
    "api-versions": "kubectl api-versions",
    "config current-context": "kubectl config current-context",
    "config delete-cluster": "kubectl config delete-cluster test",
    "config delete-context": "kubectl config delete-context test",
    "config delete-user": "kubectl config delete-user ann",
    "config get-clusters": "kubectl config get-clusters",
    "config get-contexts": "kubectl config get-contexts -o name",
    "config get-users": "kubectl config get-users",
    "config rename-context": "kubectl config rename-context test staging",
    "config set": "kubectl config set contexts.test.namespace team-a",
    "config set-cluster": (
        "kubectl config set-cluster test --server=https://test.example.org:6443 "
        "--certificate-authority=ca.crt --embed-certs"
    ),
    "config set-context": (
        "kubectl config set-context --current --namespace=team-a\n"
        "kubectl config set-context test --cluster=test --user=ann"
    ),
    "config set-credentials": (
        "kubectl config set-credentials ann --client-certificate=ann.crt --client-key=ann.key\n"
        "kubectl config set-credentials sso --exec-command=get-token "
        "--exec-api-version=client.authentication.k8s.io/v1 --exec-env=REALM=test"
    ),
    "config unset": "kubectl config unset users.ann.token",
    "config use-context": "kubectl config use-context test",
    "config view": (
        "kubectl config view --minify\nkubectl config view --raw -o jsonpath='{.clusters[0].cluster.server}'"
    ),
    "kuberc view": "kubectl kuberc view -o json",
    "kuberc set": "kubectl kuberc set --section=defaults --command=get --option=output=wide",
    "plugin": "kubectl plugin list",
    "plugin list": "kubectl plugin list --name-only",
    "version": "kubectl version --client -o json",
}
