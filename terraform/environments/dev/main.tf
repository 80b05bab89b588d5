terraform {
  required_version = ">= 1.9"

  # Made once by hand, versioned: gcloud storage buckets create gs://… --versioning
  backend "gcs" {
    prefix = "taskgraph/dev"
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
  description = "Repository of GitHub (owner/name) whose environment `dev` may deploy; none when empty."
  type        = string
  default     = ""
}

module "taskgraph" {
  source = "../../modules/taskgraph"

  project             = var.project
  region              = var.region
  zones               = ["${var.region}-b"]
  namespace           = "taskgraph"
  deletion_protection = false

  node_machine_type   = "e2-standard-4"
  node_count_per_zone = { min = 1, max = 3 }

  database_tier             = "db-f1-micro"
  database_highly_available = false
  database_backups_kept     = 7

  redis_memory_gb        = 1
  redis_highly_available = false

  authorized_networks = var.authorized_networks
  github              = var.github_repository == "" ? null : { repository = var.github_repository, environment = "dev" }
}

output "taskgraph" {
  description = "What is needed beside this to deploy."
  value       = module.taskgraph
}
