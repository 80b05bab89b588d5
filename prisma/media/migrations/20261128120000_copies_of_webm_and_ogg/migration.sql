-- WebM and Ogg that are there already get the version that others may download. Processes of the version before would end these jobs without a copy:
-- nobody begins before they are gone.
INSERT INTO "media_jobs" ("media_id", "run_at")
SELECT "id", now() + interval '10 minutes' FROM "media_items"
 WHERE "status" = 'READY' AND "mime_type" IN ('video/webm', 'audio/ogg')
ON CONFLICT DO NOTHING;
