# One for each process, so that none can do what is another's.
resource "google_service_account" "process" {
  for_each = local.processes

  project      = var.project
  account_id   = "taskgraph-${each.key}"
  display_name = "The process ${each.key}"
}

resource "google_service_account_iam_member" "workload_identity" {
  for_each = local.processes

  service_account_id = google_service_account.process[each.key].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.project}.svc.id.goog[${var.namespace}/${each.key}]"

  depends_on = [google_container_cluster.this]
}

# Each service publishes to its own topic, and looks at whether it is there.
resource "google_pubsub_topic_iam_member" "publishers" {
  for_each = local.databases

  project = var.project
  topic   = google_pubsub_topic.events["${each.key}-events"].name
  role    = "roles/pubsub.publisher"
  member  = google_service_account.process[each.key].member
}

resource "google_pubsub_topic_iam_member" "dead_letter_publishers" {
  for_each = local.databases

  project = var.project
  topic   = google_pubsub_topic.dead_letters.name
  role    = "roles/pubsub.publisher"
  member  = google_service_account.process[each.key].member
}

resource "google_pubsub_subscription_iam_member" "subscribers" {
  for_each = local.subscriptions

  project      = var.project
  subscription = google_pubsub_subscription.groups[each.key].name
  role         = "roles/pubsub.subscriber"
  member       = google_service_account.process[each.value.group].member
}

resource "google_project_iam_member" "viewers" {
  for_each = local.databases

  project = var.project
  role    = "roles/pubsub.viewer"
  member  = google_service_account.process[each.key].member
}

# Each gateway makes a subscription of its own at its start, to hear what its cache has to forget.
resource "google_project_iam_member" "gateway" {
  project = var.project
  role    = "roles/pubsub.editor"
  member  = google_service_account.process["gateway"].member
}

# The External Secrets Operator reads as this one.
resource "google_service_account" "secrets" {
  project      = var.project
  account_id   = "taskgraph-secrets"
  display_name = "Reads secrets into the cluster"
}

resource "google_service_account_iam_member" "secrets" {
  service_account_id = google_service_account.secrets.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.project}.svc.id.goog[external-secrets/external-secrets]"

  depends_on = [google_container_cluster.this]
}
