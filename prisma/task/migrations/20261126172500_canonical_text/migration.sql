-- Texts are stored and looked for in one form (Unicode, NFC), so that composed and decomposed letters are the same. The text itself
-- means the same as before, so versions and times stay. A few letters are longer in this form than before it.
UPDATE "tasks" SET
  "title" = left(normalize("title", NFC), 200),
  "description" = normalize("description", NFC),
  "labels" = ARRAY(
    SELECT form FROM (
      SELECT left(normalize(label, NFC), 50) AS form, min(place) AS place
      FROM unnest("labels") WITH ORDINALITY AS each(label, place) GROUP BY 1
    ) AS forms ORDER BY place
  )
WHERE "title" IS NOT NFC NORMALIZED
  OR "description" IS NOT NFC NORMALIZED
  OR array_to_string("labels", ' ') IS NOT NFC NORMALIZED;
