-- Films and sound that are there already get the version that others may download. Processes of the version before would take these jobs for pictures, and
-- end them without a copy: nobody begins before they are gone.
INSERT INTO "media_jobs" ("media_id", "run_at")
SELECT "id", now() + interval '10 minutes' FROM "media_items"
 WHERE "status" = 'READY'
   AND "mime_type" IN ('video/mp4', 'video/quicktime', 'audio/mp4', 'audio/x-m4a', 'audio/mpeg', 'audio/aac', 'audio/flac', 'audio/wav')
ON CONFLICT DO NOTHING;
