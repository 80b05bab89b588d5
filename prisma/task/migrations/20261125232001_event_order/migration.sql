-- AlterTable
ALTER TABLE "inbox" ADD COLUMN     "sequence" BIGINT,
ADD COLUMN     "settles" VARCHAR(100),
ADD COLUMN     "source" VARCHAR(20),
ADD COLUMN     "subject" VARCHAR(100);

-- CreateIndex
CREATE INDEX "inbox_subject_sequence_idx" ON "inbox"("subject", "sequence");
