-- Whether an attachment leans on another is asked for each that shows its item: without this index each time of all tasks that the item
-- is on, which is the square of their number.
CREATE INDEX CONCURRENTLY "task_media_borrowed_media_id_attached_by_idx" ON "task_media"("media_id", "attached_by") WHERE "borrowed";
