output "cluster" {
  description = "Name and place of the cluster, for `gcloud container clusters get-credentials`."
  value       = { name = google_container_cluster.this.name, location = google_container_cluster.this.location }
}

output "registry" {
  description = "Where images are pushed to."
  value       = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.this.repository_id}"
}

output "ingress_address" {
  description = "What the name of the gateway has to resolve to."
  value       = google_compute_global_address.ingress.address
}

output "media" {
  description = "Bucket of files, for GCS_BUCKET of media."
  value       = google_storage_bucket.media.name
}

output "backups" {
  description = "Bucket for dumps."
  value       = google_storage_bucket.backups.name
}

output "deployment" {
  description = "Variables of the environment of GitHub that deploys; null when none does."
  value = var.github == null ? null : {
    WORKLOAD_IDENTITY_PROVIDER = google_iam_workload_identity_pool_provider.github["deploy"].name
    DEPLOY_SERVICE_ACCOUNT     = google_service_account.deploy["deploy"].email
    CLUSTER                    = google_container_cluster.this.name
    CLUSTER_LOCATION           = google_container_cluster.this.location
    NAMESPACE                  = var.namespace
    REGISTRY                   = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.this.repository_id}"
  }
}
