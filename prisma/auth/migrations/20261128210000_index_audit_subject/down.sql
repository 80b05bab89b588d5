-- Undoes 20261128210000_index_audit_subject.
DROP INDEX "audit_events_subject_position_idx";
