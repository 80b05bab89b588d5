import { defineConfig } from 'prisma/config';

/** For Prisma's own CLI: `npx prisma migrate deploy --config prisma/auth/prisma.config.ts`. */
export default defineConfig({
  schema: 'schema.prisma',
  migrations: { path: 'migrations' },
  datasource: { url: process.env['AUTH_DATABASE_URL'] ?? '' },
});
