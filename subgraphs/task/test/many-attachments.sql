-- After many-tasks.sql: as many media items as a task takes on the first task, two on each of 40,000 others, and one on a hundred.
WITH numbered AS (SELECT id, owner_id, created_at, row_number() OVER (ORDER BY id) AS n FROM tasks)
INSERT INTO task_media (task_id, media_id, position, attached_by, attached_at)
SELECT id, ('0198' || lpad(to_hex(n * 1000 + nth), 8, '0') || '70008000000000000000')::uuid, nth, owner_id, created_at
FROM numbered, generate_series(1, CASE WHEN n = 1 THEN 500 ELSE 2 END) AS nth
WHERE n <= 40001
UNION ALL
SELECT id, '01990000-0000-7000-8000-000000000000', 1000, owner_id, created_at FROM numbered WHERE n % 1200 = 0;
