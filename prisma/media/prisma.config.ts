import { defineConfig } from 'prisma/config';

/** For Prisma's own CLI: `npx prisma migrate deploy --config prisma/media/prisma.config.ts`. */
export default defineConfig({
  schema: 'schema.prisma',
  migrations: { path: 'migrations' },
  datasource: { url: process.env['MEDIA_DATABASE_URL'] ?? '' },
});
