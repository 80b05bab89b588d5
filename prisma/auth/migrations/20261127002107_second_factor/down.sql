-- Undoes 20261127002107_second_factor, with the rows that are there by then. Edit it freely: it is never compared with anything.
-- Statements that were written into migration.sql by hand need their counterpart here.

-- DropForeignKey
ALTER TABLE "public"."second_factors" DROP CONSTRAINT "second_factors_user_id_fkey";

-- DropForeignKey
ALTER TABLE "public"."recovery_codes" DROP CONSTRAINT "recovery_codes_user_id_fkey";

-- DropForeignKey
ALTER TABLE "public"."login_challenges" DROP CONSTRAINT "login_challenges_user_id_fkey";

-- DropTable
DROP TABLE "public"."second_factors";

-- DropTable
DROP TABLE "public"."recovery_codes";

-- DropTable
DROP TABLE "public"."login_challenges";
