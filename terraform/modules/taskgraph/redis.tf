# Holds nothing that cannot be fetched again: cached answers, and the news that wakes subscriptions.
resource "google_redis_instance" "this" {
  project            = var.project
  name               = "taskgraph"
  region             = var.region
  tier               = var.redis_highly_available ? "STANDARD_HA" : "BASIC"
  memory_size_gb     = var.redis_memory_gb
  redis_version      = "REDIS_7_2"
  authorized_network = google_compute_network.this.id
  connect_mode       = "PRIVATE_SERVICE_ACCESS"
  auth_enabled       = true

  redis_configs = {
    "maxmemory-policy" = "allkeys-lru"
  }

  depends_on = [google_service_networking_connection.services]
}
