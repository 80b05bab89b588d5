import { defineConfig } from 'prisma/config';

/** For Prisma's own CLI: `npx prisma migrate deploy --config prisma/task/prisma.config.ts`. */
export default defineConfig({
  schema: 'schema.prisma',
  migrations: { path: 'migrations' },
  datasource: { url: process.env['TASK_DATABASE_URL'] ?? '' },
});
