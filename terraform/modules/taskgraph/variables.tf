variable "project" {
  description = "Id of the Google Cloud project."
  type        = string
}

variable "region" {
  description = "Where everything lies."
  type        = string
}

variable "zones" {
  description = "Zones of the cluster's nodes: one for what may be away, three for what may not."
  type        = list(string)
}

variable "namespace" {
  description = "Namespace of Kubernetes in which the processes run; their accounts there may act as those here."
  type        = string
}

variable "deletion_protection" {
  description = "Whether databases, files and the cluster refuse to be destroyed."
  type        = bool
}

variable "node_machine_type" {
  description = "Machine type of the cluster's nodes."
  type        = string
}

variable "node_count_per_zone" {
  description = "How few and how many nodes a zone has."
  type        = object({ min = number, max = number })
}

variable "database_tier" {
  description = "Machine type of the PostgreSQL instances, such as db-custom-2-8192."
  type        = string
}

variable "database_highly_available" {
  description = "Whether each PostgreSQL has a standby in another zone."
  type        = bool
}

variable "database_backups_kept" {
  description = "Daily backups that are kept."
  type        = number
}

variable "redis_memory_gb" {
  description = "Memory of Redis, in GiB."
  type        = number
}

variable "redis_highly_available" {
  description = "Whether Redis has a replica that takes over."
  type        = bool
}

variable "authorized_networks" {
  description = "Who may speak with the cluster's control plane: CIDR by name."
  type        = map(string)
}

variable "github" {
  description = "Which repository (owner/name), in which of its environments, may deploy; null when none may."
  type        = object({ repository = string, environment = string })

  validation {
    condition     = var.github == null ? true : can(regex("^[^/ ]+/[^/ ]+$", var.github.repository))
    error_message = "The repository is told as owner/name."
  }
}
