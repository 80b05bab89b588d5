resource "google_artifact_registry_repository" "this" {
  project       = var.project
  location      = var.region
  repository_id = "taskgraph"
  description   = "Images of the processes"
  format        = "DOCKER"

  docker_config {
    immutable_tags = true
  }

  cleanup_policies {
    id     = "keep-releases"
    action = "KEEP"

    most_recent_versions {
      keep_count = 20
    }
  }

  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"

    condition {
      older_than = "7776000s"
    }
  }

  depends_on = [google_project_service.apis]
}
