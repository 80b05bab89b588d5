-- 100,000 tasks that one person sees, whose id is …00a: three quarters are their own, a third of which they have given to themselves, and
-- a quarter was given to them by a hundred others. 20,000 more are between those.
-- Words are numbers in letters, each of its own frequency; one task in a thousand has `Käse` in it.
INSERT INTO tasks (id, owner_id, assignee_id, title, description, status, priority, due_at, labels, created_at, updated_at)
SELECT
  ('0197' || lpad(to_hex(n), 8, '0') || '70008000' || lpad(to_hex(n::bigint * 7919 % 65536), 12, '0'))::uuid,
  CASE WHEN n <= 100000 AND n % 4 < 3 THEN me ELSE other END,
  CASE WHEN n > 100000 THEN another WHEN n % 4 IN (0, 3) THEN me WHEN n % 4 = 1 THEN other END,
  'Task ' || words || CASE WHEN n % 1000 = 0 THEN ' Käse' ELSE '' END,
  CASE WHEN n % 2 = 0 THEN repeat('What is to be done about it, and by whom. ', 5) || words END,
  (enum_range(NULL::task_status))[1 + n / 4 % 4],
  (enum_range(NULL::task_priority))[1 + n / 16 % 4],
  CASE WHEN n % 5 < 3 THEN timestamptz '2026-01-01' + n * 7919 % 100000 * interval '1 minute' END,
  CASE WHEN n % 500 = 0 THEN ARRAY['rare', 'home'] WHEN n % 3 = 0 THEN ARRAY['home'] ELSE '{}' END,
  timestamptz '2025-01-01' + n * interval '1 second',
  -- Many in one moment, so that ids decide.
  timestamptz '2025-06-01' + n::bigint * 104729 % 10007 * interval '1 second'
FROM generate_series(1, 120000) AS n,
  LATERAL (SELECT
    '00000000-0000-7000-8000-00000000000a'::uuid AS me,
    ('00000000-0000-7000-8000-0000000001' || lpad(to_hex(n % 100), 2, '0'))::uuid AS other,
    ('00000000-0000-7000-8000-0000000001' || lpad(to_hex((n + 1) % 100), 2, '0'))::uuid AS another,
    translate(concat_ws(' ', n % 7, n % 61, n % 997, n), '0123456789', 'abdefghikl') AS words
  ) AS made;
