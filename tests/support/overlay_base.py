"""The folder `base` on which the overlays of the tests stand: one object of most kinds."""

from __future__ import annotations

__all__ = ["BASE"]

BASE = {
    "base/kustomization.yaml": """
        resources: [app.yaml, rest.yaml]
        labels:
        - pairs: {team: bread}
          includeTemplates: true
    """,
    "base/app.yaml": """
        apiVersion: apps/v1
        kind: Deployment
        metadata:
          name: web
        spec:
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec:
              serviceAccountName: web
              initContainers:
              - {name: init, image: "registry.example:5000/bakery/web:1.0"}
              containers:
              - name: web
                image: registry.example:5000/bakery/web:1.0
                ports: [{containerPort: 8080, name: http}, {containerPort: 9090, name: metrics}]
                env:
                - {name: MODE, value: plain}
                - {name: WHEN, value: "2026-01-01"}
                - {name: NEVER, value: "off"}
                - name: KEY
                  valueFrom: {secretKeyRef: {name: keys, key: key}}
                envFrom:
                - configMapRef: {name: settings}
                resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: 1, memory: 1Gi}}
              - {name: side, image: side, command: [sh, -c, "sleep 1"]}
              volumes:
              - {name: settings, configMap: {name: settings}}
              - {name: keys, secret: {secretName: keys}}
              - {name: data, persistentVolumeClaim: {claimName: data}}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec:
          selector: {app: web}
          ports: [{port: 80, targetPort: http}]
        ---
        # nothing here
        ---
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: settings}
        data: {a: "1", b: two}
    """,
    "base/rest.yaml": """
        apiVersion: v1
        kind: List
        items:
        - {apiVersion: v1, kind: ServiceAccount, metadata: {name: web}, imagePullSecrets: [{name: keys}]}
        - {apiVersion: v1, kind: Secret, metadata: {name: keys}, stringData: {key: abc}}
        - apiVersion: v1
          kind: PersistentVolumeClaim
          metadata: {name: data}
          spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
        - apiVersion: rbac.authorization.k8s.io/v1
          kind: Role
          metadata: {name: web}
          rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
        - apiVersion: rbac.authorization.k8s.io/v1
          kind: RoleBinding
          metadata: {name: web}
          roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: web}
          subjects: [{kind: ServiceAccount, name: web}, {kind: ServiceAccount, name: default}]
        - apiVersion: batch/v1
          kind: CronJob
          metadata: {name: nightly}
          spec:
            schedule: "0 3 * * *"
            jobTemplate:
              spec:
                template:
                  spec:
                    restartPolicy: Never
                    containers: [{name: job, image: "bakery/job:1@sha256:abc", envFrom: [{secretRef: {name: keys}}]}]
        - apiVersion: apps/v1
          kind: StatefulSet
          metadata: {name: db}
          spec:
            serviceName: db
            selector: {matchLabels: {app: db}}
            template:
              metadata: {labels: {app: db}}
              spec: {containers: [{name: db, image: postgres}]}
            volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce]}}]
        - {apiVersion: v1, kind: Service, metadata: {name: db}, spec: {clusterIP: None, selector: {app: db}}}
        - apiVersion: networking.k8s.io/v1
          kind: NetworkPolicy
          metadata: {name: web}
          spec:
            podSelector: {matchLabels: {app: web}}
            ingress: [{from: [{podSelector: {matchLabels: {app: db}}}]}]
        - apiVersion: networking.k8s.io/v1
          kind: Ingress
          metadata: {name: web}
          spec:
            tls: [{secretName: keys}]
            rules:
            - http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
        - apiVersion: autoscaling/v2
          kind: HorizontalPodAutoscaler
          metadata: {name: web}
          spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, maxReplicas: 3}
        - {apiVersion: v1, kind: Namespace, metadata: {name: bakery}}
        - {apiVersion: bakery.example/v1, kind: Oven, metadata: {name: big}, spec: {racks: [{name: a}, {name: b}]}}
    """,
}
