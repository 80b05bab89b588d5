resource "google_compute_network" "this" {
  project                 = var.project
  name                    = "taskgraph"
  auto_create_subnetworks = false

  depends_on = [google_project_service.apis]
}

resource "google_compute_subnetwork" "nodes" {
  project                  = var.project
  name                     = "taskgraph-nodes"
  region                   = var.region
  network                  = google_compute_network.this.id
  ip_cidr_range            = "10.0.0.0/20"
  private_ip_google_access = true

  secondary_ip_range {
    range_name    = "pods"
    ip_cidr_range = "10.16.0.0/14"
  }

  secondary_ip_range {
    range_name    = "services"
    ip_cidr_range = "10.20.0.0/20"
  }
}

# Where Cloud SQL and Memorystore have their private addresses.
resource "google_compute_global_address" "services" {
  project       = var.project
  name          = "taskgraph-services"
  network       = google_compute_network.this.id
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  prefix_length = 20
}

resource "google_service_networking_connection" "services" {
  network                 = google_compute_network.this.id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.services.name]
}

# Nodes have no public address, and fetch images of others through this.
resource "google_compute_router" "this" {
  project = var.project
  name    = "taskgraph"
  region  = var.region
  network = google_compute_network.this.id
}

resource "google_compute_router_nat" "this" {
  project                            = var.project
  name                               = "taskgraph"
  region                             = var.region
  router                             = google_compute_router.this.name
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"
}

# The address of the ingress; k8s/components/ingress-gke knows it by this name.
resource "google_compute_global_address" "ingress" {
  project = var.project
  name    = "taskgraph"

  depends_on = [google_project_service.apis]
}
