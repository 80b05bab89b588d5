# What `npm run events -- topology apply` would make; a test holds both equal.
locals {
  topics = toset(["auth-events", "task-events", "media-events"])

  # A group has a subscription to each topic that it hears.
  subscriptions = {
    "auth-events.media" = { topic = "auth-events", group = "media" }
    "auth-events.task"  = { topic = "auth-events", group = "task" }
    "media-events.auth" = { topic = "media-events", group = "auth" }
    "media-events.task" = { topic = "media-events", group = "task" }
    "task-events.auth"  = { topic = "task-events", group = "auth" }
    "task-events.media" = { topic = "task-events", group = "media" }
  }
}

resource "google_pubsub_topic" "events" {
  for_each = local.topics

  project = var.project
  name    = each.value

  depends_on = [google_project_service.apis]
}

resource "google_pubsub_topic" "dead_letters" {
  project = var.project
  name    = "dead-letters"

  depends_on = [google_project_service.apis]
}

resource "google_pubsub_subscription" "groups" {
  for_each = local.subscriptions

  project                    = var.project
  name                       = each.key
  topic                      = google_pubsub_topic.events[each.value.topic].id
  enable_message_ordering    = true
  ack_deadline_seconds       = 30
  message_retention_duration = "604800s"

  expiration_policy {
    ttl = ""
  }

  retry_policy {
    minimum_backoff = "1s"
    maximum_backoff = "60s"
  }

  dead_letter_policy {
    dead_letter_topic = google_pubsub_topic.dead_letters.id
    # The processes count their own tries and bury an event themselves: Pub/Sub's limit is for what none of them has seen.
    max_delivery_attempts = 100
  }
}

# Keeps dead letters for the operator: a topic without a subscription forgets what it is given.
resource "google_pubsub_subscription" "dead_letters" {
  project                    = var.project
  name                       = "dead-letters.inspect"
  topic                      = google_pubsub_topic.dead_letters.id
  ack_deadline_seconds       = 60
  message_retention_duration = "2678400s"

  expiration_policy {
    ttl = ""
  }
}

# Pub/Sub itself forwards what ends its consumers.
resource "google_pubsub_topic_iam_member" "forwarding" {
  project = var.project
  topic   = google_pubsub_topic.dead_letters.name
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

resource "google_pubsub_subscription_iam_member" "forwarding" {
  for_each = local.subscriptions

  project      = var.project
  subscription = google_pubsub_subscription.groups[each.key].name
  role         = "roles/pubsub.subscriber"
  member       = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}
