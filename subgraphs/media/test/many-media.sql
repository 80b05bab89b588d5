-- 100,000 items of one person, whose id is …00a, of which every tenth and the newest 20,000 are deleted, as after somebody has tidied up.
-- 20,000 of a hundred others are between them.
INSERT INTO media_items (id, uploader_id, filename, mime_type, byte_size, sha256, width, height, alt_text, placeholder, thumbnails, status, has_full, created_at, updated_at, deleted_at)
SELECT
  ('0197' || lpad(to_hex(n), 8, '0') || '70008000' || lpad(to_hex(n::bigint * 7919 % 65536), 12, '0'))::uuid,
  CASE WHEN n % 6 = 0 THEN ('00000000-0000-7000-8000-0000000001' || lpad(to_hex(n % 100), 2, '0'))::uuid ELSE '00000000-0000-7000-8000-00000000000a' END,
  'picture ' || n || '.jpg',
  'image/jpeg',
  1000 + n % 9973,
  encode(sha256(n::text::bytea), 'hex'),
  1200,
  800,
  CASE WHEN n % 3 = 0 THEN 'What is seen in it, and where it was taken.' END,
  'm5uYBQAnZ4h3eIeHeIiHiIhXcHjQ',
  '[{"size": "SMALL", "width": 200, "height": 133, "byteSize": 5000}, {"size": "MEDIUM", "width": 800, "height": 533, "byteSize": 50000}]',
  'READY',
  TRUE,
  timestamptz '2025-01-01' + n * interval '1 second',
  timestamptz '2025-01-01' + n * interval '1 second',
  CASE WHEN n > 96000 OR n % 10 = 1 THEN timestamptz '2025-06-01' + n * interval '1 second' END
FROM generate_series(1, 120000) AS n;
INSERT INTO media_references (media_id, task_id)
SELECT id, ('0198' || substr(id::text, 5))::uuid FROM media_items;
INSERT INTO upload_sessions (id, user_id, filename, byte_size, expires_at)
SELECT gen_random_uuid(), ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'film.mp4', 1000, now() + interval '1 day'
FROM generate_series(1001, 6000) AS n;
