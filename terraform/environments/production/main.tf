terraform {
  required_version = ">= 1.9"

  # Made once by hand, versioned: gcloud storage buckets create gs://… --versioning
  backend "gcs" {
    prefix = "taskgraph/production"
  }

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.50"
    }
  }
}

provider "google" {
  project = var.project
  region  = var.region
}

variable "project" {
  description = "Id of the Google Cloud project."
  type        = string
}

variable "region" {
  description = "Where everything lies."
  type        = string
  default     = "europe-west1"
}

variable "authorized_networks" {
  description = "Who may speak with the cluster's control plane: CIDR by name."
  type        = map(string)
}

variable "github_repository" {
  description = "Repository of GitHub (owner/name) whose environment `production` may deploy; none when empty."
  type        = string
  default     = ""
}

module "taskgraph" {
  source = "../../modules/taskgraph"

  project             = var.project
  region              = var.region
  zones               = ["${var.region}-b", "${var.region}-c", "${var.region}-d"]
  namespace           = "taskgraph"
  deletion_protection = true

  node_machine_type   = "e2-standard-4"
  node_count_per_zone = { min = 1, max = 6 }

  database_tier             = "db-custom-2-8192"
  database_highly_available = true
  database_backups_kept     = 30

  redis_memory_gb        = 5
  redis_highly_available = true

  authorized_networks = var.authorized_networks
  github              = var.github_repository == "" ? null : { repository = var.github_repository, environment = "production" }
}

output "taskgraph" {
  description = "What is needed beside this to deploy."
  value       = module.taskgraph
}
