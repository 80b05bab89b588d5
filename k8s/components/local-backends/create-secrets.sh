#!/usr/bin/env sh
# Makes the secrets of a cluster for trying things out, once: sh k8s/components/local-backends/create-secrets.sh [namespace]
set -eu
namespace=${1:-taskgraph-dev}
random() { openssl rand -hex 32; }
secret() {
  name=$1
  shift
  kubectl --namespace "$namespace" create secret generic "$name" "$@"
}
kubectl get namespace "$namespace" >/dev/null 2>&1 || kubectl create namespace "$namespace"
password=$(random)
url() { echo "postgresql://taskgraph:$password@postgres:5432/$1"; }
secret postgres --from-literal=POSTGRES_PASSWORD="$password"
secret auth-secrets --from-literal=AUTH_DATABASE_URL="$(url auth)" --from-literal=AUTH_KEY_ENCRYPTION_SECRET="$(random)"
secret task-secrets --from-literal=TASK_DATABASE_URL="$(url task)"
secret media-secrets --from-literal=MEDIA_DATABASE_URL="$(url media)" --from-literal=MEDIA_URL_SECRET="$(random)"
secret gateway-secrets --from-literal=EVENT_SOURCE_SECRET="$(random)"
secret client-info --from-literal=CLIENT_INFO_SECRET="$(random)"
secret redis --from-literal=REDIS_URL=redis://redis:6379
