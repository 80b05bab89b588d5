import { describe, expect, it } from '@jest/globals';
import { findHazards } from './script-hazards.js';

describe('findHazards', () => {
  it.each([
    ['DROP TABLE "users";', 'drops the table "users" with its rows'],
    ['ALTER TABLE "users" DROP COLUMN "email";', 'drops the column "users"."email" with its values'],
    [
      'ALTER TABLE "users" ADD COLUMN     "rank" INTEGER NOT NULL;',
      'fails when "users" has rows: the new column "rank" is required and has no default',
    ],
    ['ALTER TABLE "users" ALTER COLUMN "email" SET NOT NULL;', 'fails when "users"."email" holds a null'],
    [
      'ALTER TABLE "users" ALTER COLUMN "email" SET DATA TYPE VARCHAR(20);',
      'rewrites "users"."email" to another type: values may not fit',
    ],
    [
      'CREATE UNIQUE INDEX "i" ON "users"("email");',
      'fails when rows of "users" are not unique: CREATE UNIQUE INDEX "i" ON "users"("email")',
    ],
  ])('warns of %s', (script, hazard) => {
    expect(findHazards(script)).toEqual([hazard]);
  });

  it('looks at each clause of one statement', () => {
    const script =
      'ALTER TABLE "a" ADD COLUMN "b" DECIMAL(1,2) NOT NULL DEFAULT 0,\nDROP COLUMN "c",\nADD COLUMN "d" TEXT NOT NULL;';
    expect(findHazards(script)).toEqual([
      'drops the column "a"."c" with its values',
      'fails when "a" has rows: the new column "d" is required and has no default',
    ]);
  });

  it('has nothing against additions, and against changes of tables that the script creates', () => {
    const script = `
      CREATE TABLE "a" ("b" TEXT NOT NULL);
      CREATE UNIQUE INDEX "i" ON "a"("b");
      ALTER TABLE "a" ADD COLUMN "c" TEXT NOT NULL;
      ALTER TABLE "old" ADD COLUMN "d" TEXT;
      CREATE INDEX "j" ON "old"("d");`;
    expect(findHazards(script)).toEqual([]);
  });
});
