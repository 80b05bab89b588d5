# The workflow "Deploy" of GitHub speaks with Google Cloud as this account, without a key: GitHub says in a signed token which repository and
# which environment asks, and whoever has to agree to that environment has agreed.
locals {
  github = var.github == null ? {} : { deploy = var.github }
}

resource "google_iam_workload_identity_pool" "github" {
  for_each = local.github

  project                   = var.project
  workload_identity_pool_id = "taskgraph-github"
  display_name              = "GitHub Actions"

  depends_on = [google_project_service.apis]
}

resource "google_iam_workload_identity_pool_provider" "github" {
  for_each = local.github

  project                            = var.project
  workload_identity_pool_id          = google_iam_workload_identity_pool.github[each.key].workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  display_name                       = "GitHub Actions"

  attribute_mapping = {
    "google.subject" = "assertion.sub"
  }

  # Every repository of GitHub has tokens of this issuer.
  attribute_condition = "assertion.repository == '${each.value.repository}'"

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_service_account" "deploy" {
  for_each = local.github

  project      = var.project
  account_id   = "taskgraph-deploy"
  display_name = "Brings releases into the cluster"
}

# Jobs of the environment alone, whose subject GitHub writes so.
resource "google_service_account_iam_member" "deploy" {
  for_each = local.github

  service_account_id = google_service_account.deploy[each.key].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.github[each.key].name}/subject/repo:${each.value.repository}:environment:${each.value.environment}"
}

# What is in the cluster, but neither the cluster nor who may what in it.
resource "google_project_iam_member" "deploy" {
  for_each = local.github

  project = var.project
  role    = "roles/container.developer"
  member  = google_service_account.deploy[each.key].member
}

resource "google_artifact_registry_repository_iam_member" "deploy" {
  for_each = local.github

  project    = var.project
  location   = google_artifact_registry_repository.this.location
  repository = google_artifact_registry_repository.this.name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.deploy[each.key].member
}
