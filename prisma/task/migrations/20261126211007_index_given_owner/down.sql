-- Undoes 20261126211007_index_given_owner.
DROP INDEX "tasks_given_owner_id_id_idx";
