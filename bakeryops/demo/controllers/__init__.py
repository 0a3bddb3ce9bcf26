"""What makes the embedded cluster act: controllers as plain callbacks on the object store and the clock."""

from __future__ import annotations

from bakeryops.demo.controllers.base import Cluster, Owned
from bakeryops.demo.controllers.cronjob import CronJobController
from bakeryops.demo.controllers.daemonset import DaemonSetController
from bakeryops.demo.controllers.deployment import DeploymentController
from bakeryops.demo.controllers.endpoints import EndpointController
from bakeryops.demo.controllers.images import Images
from bakeryops.demo.controllers.job import JobController
from bakeryops.demo.controllers.kubelet import Kubelet
from bakeryops.demo.controllers.namespaces import NamespaceController
from bakeryops.demo.controllers.quota import QuotaController
from bakeryops.demo.controllers.replicaset import ReplicaSetController
from bakeryops.demo.controllers.scheduler import Scheduler
from bakeryops.demo.controllers.statefulset import StatefulSetController
from bakeryops.demo.controllers.volumes import VolumeController

__all__ = ["Cluster", "Images", "Kubelet", "start_controllers"]


def start_controllers(cluster: Cluster, images: Images | None = None, *, first_pod: int = 2) -> Kubelet:
    """Start every controller on a cluster whose objects are in place; returns the kubelet.

    What is settled already stays as it is: controllers act on what changes from now on. `first_pod` is the number
    that the addresses of further pods are counted from.
    """
    kubelet = Kubelet(cluster, images or Images(), first_pod=first_pod)
    pods = Owned(cluster.store, "pods")
    NamespaceController(cluster).start()
    Scheduler(cluster).start()
    kubelet.start()
    DeploymentController(cluster, pods).start()
    ReplicaSetController(cluster, pods).start()
    StatefulSetController(cluster, pods).start()
    DaemonSetController(cluster, pods).start()
    JobController(cluster, pods).start()
    CronJobController(cluster).start()
    VolumeController(cluster).start()
    EndpointController(cluster).start()
    QuotaController(cluster).start()
    return kubelet
