import { postgresMigration } from 'fastify-scim-token/stores/postgres'
import type { Database } from '../scim/postgres-pool.ts'
import { scimTables } from './scim-storage.ts'
import { sessionsTable } from './sessions.ts'

/**
 * Creates the tables if they do not exist.
 *
 * @param options.scimSettings whether there are SCIM settings, without which no token can be generated
 */
export async function migrate (db: Database, { scimSettings }: { scimSettings: boolean }): Promise<void> {
  await db.query(postgresMigration())
  // "if not exists" alone fails if two processes create the same table at once.
  await db.query(`
    do $migration$ begin
      perform pg_advisory_xact_lock(hashtext('host'));
      ${sessionsTable};
      ${scimTables};
      -- Below query_timeout, in milliseconds. A startup parameter would not get through every pooler.
      execute format('alter role %I in database %I set statement_timeout = 2500', current_user, current_database());
    end $migration$`)

  await db.query(scimSettings
    ? "insert into scim_settings (tenant, enabled) values ('default', true) on conflict do nothing"
    : "delete from scim_settings where tenant = 'default'")
}
