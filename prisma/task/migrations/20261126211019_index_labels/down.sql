-- Undoes 20261126211019_index_labels.
DROP INDEX "tasks_labels_idx";
