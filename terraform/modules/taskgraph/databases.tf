# A service owns its database: an instance each, so that none takes another's memory, connections or time.
resource "google_sql_database_instance" "this" {
  for_each = local.databases

  project             = var.project
  name                = "taskgraph-${each.key}"
  region              = var.region
  database_version    = "POSTGRES_18"
  deletion_protection = var.deletion_protection

  settings {
    edition                     = "ENTERPRISE"
    tier                        = var.database_tier
    availability_type           = var.database_highly_available ? "REGIONAL" : "ZONAL"
    disk_type                   = "PD_SSD"
    disk_size                   = 10
    disk_autoresize             = true
    deletion_protection_enabled = var.deletion_protection

    ip_configuration {
      ipv4_enabled    = false
      private_network = google_compute_network.this.id
      ssl_mode        = "ENCRYPTED_ONLY"
    }

    # Any second of the last week can be gone back to.
    backup_configuration {
      enabled                        = true
      start_time                     = "02:00"
      point_in_time_recovery_enabled = true
      transaction_log_retention_days = 7

      backup_retention_settings {
        retained_backups = var.database_backups_kept
      }
    }

    maintenance_window {
      day          = 7
      hour         = 3
      update_track = "stable"
    }

    insights_config {
      query_insights_enabled = true
    }

    database_flags {
      name  = "log_lock_waits"
      value = "on"
    }
  }

  depends_on = [google_service_networking_connection.services]
}

resource "google_sql_database" "this" {
  for_each = local.databases

  project  = var.project
  name     = each.key
  instance = google_sql_database_instance.this[each.key].name
}

resource "random_password" "database" {
  for_each = local.databases

  length  = 40
  special = false
}

# Users that are made here are members of cloudsqlsuperuser, who creates extensions that Cloud SQL knows: the migrations of task need
# pg_trgm. Elsewhere CREATE on the database is enough, since it is a trusted extension.
resource "google_sql_user" "this" {
  for_each = local.databases

  project  = var.project
  name     = "taskgraph"
  instance = google_sql_database_instance.this[each.key].name
  password = random_password.database[each.key].result
}
