resource "random_password" "secret" {
  for_each = toset(["auth-key-encryption-secret", "media-url-secret", "event-source-secret", "client-info-secret"])

  length  = 64
  special = false
}

# By the names that k8s/components/external-secrets asks for. Their values are in Terraform's state as well: keep it as a secret.
locals {
  database_urls = {
    for name in local.databases : "${name}-database-url" =>
    "postgresql://taskgraph:${random_password.database[name].result}@${google_sql_database_instance.this[name].private_ip_address}:5432/${name}?sslmode=no-verify"
  }

  secret_names = toset(concat(
    [for name in local.databases : "${name}-database-url"],
    ["auth-key-encryption-secret", "media-url-secret", "event-source-secret", "client-info-secret", "redis-url"],
  ))

  secret_values = merge(
    local.database_urls,
    { for name, password in random_password.secret : name => password.result },
    { "redis-url" = "redis://:${google_redis_instance.this.auth_string}@${google_redis_instance.this.host}:${google_redis_instance.this.port}" },
  )
}

resource "google_secret_manager_secret" "this" {
  for_each = local.secret_names

  project   = var.project
  secret_id = "taskgraph-${each.value}"

  replication {
    auto {}
  }

  depends_on = [google_project_service.apis]
}

resource "google_secret_manager_secret_version" "this" {
  for_each = local.secret_names

  secret      = google_secret_manager_secret.this[each.value].id
  secret_data = local.secret_values[each.value]
}

resource "google_secret_manager_secret_iam_member" "readers" {
  for_each = local.secret_names

  project   = var.project
  secret_id = google_secret_manager_secret.this[each.value].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.secrets.member
}
