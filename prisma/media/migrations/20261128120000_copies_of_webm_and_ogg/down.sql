-- Undoes 20261128120000_copies_of_webm_and_ogg, with the rows that are there by then. Edit it freely: it is never compared with anything.
-- Statements that were written into migration.sql by hand need their counterpart here.

-- The version before gives everybody the file as it came, and looks for a picture where it is said that there is another. Copies stay beside their
-- originals, and go with them.
UPDATE "media_items" SET "has_full" = false WHERE "mime_type" IN ('video/webm', 'audio/ogg');
DELETE FROM "media_jobs" USING "media_items"
 WHERE "media_jobs"."media_id" = "media_items"."id" AND "media_items"."status" = 'READY'
   AND "media_items"."mime_type" IN ('video/webm', 'audio/ogg');
