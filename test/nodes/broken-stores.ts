import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyRequest } from 'fastify'
import type { ScimSettingsStore, ScimTokenRecord } from '../../lib/index.ts'
import type { Queryable } from '../../lib/stores/postgres.ts'

interface User { name: string }
type Store = ScimSettingsStore<User>

/** Stores that break a guarantee in a way that tests on one node may miss. They show that the checker finds it. */
export const brokenStores: Record<string, (store: Store, dbOf: (request: FastifyRequest) => Queryable) => Store> = {
  /** Clears its cache if its own node writes, but not if another one does. */
  'cached-find' (store) {
    let cached: { record: ScimTokenRecord | null | undefined, until: number } | undefined
    const clear = <T>(result: T): T => { cached = undefined; return result }
    return {
      ...store,
      replace: async (record, context) => clear(await store.replace(record, context)),
      setEnabled: async (enabled, context) => clear(await store.setEnabled(enabled, context)),
      async find (context) {
        if (cached === undefined || cached.until < performance.now()) {
          cached = { record: await store.find(context), until: performance.now() + 500 }
        }
        return cached.record
      }
    }
  },

  /** Reads the settings, writes them with the new token, writes the audit: a statement for each. */
  'read-then-write': (store, dbOf) => ({
    ...store,
    async replace ({ hash, createdAt }, { request, user }) {
      const db = dbOf(request)
      const { rows } = await db.query("select enabled from scim_settings where tenant = 'default'", [])
      const { enabled } = rows[0] as { enabled: boolean }
      await delay(5)
      await db.query("update scim_settings set enabled = $1, token_hash = $2, token_created_at = $3 where tenant = 'default'", [enabled, hash, createdAt])
      await db.query('insert into "scim_token_audit" (tenant, token_hash, created_by) values (\'default\', $1, $2)', [hash, user.name])
      return true
    }
  }),

  /** Writes in one statement, whatever has been stored since the write began, as the PostgreSQL store did before it had a fence. */
  unfenced: (store, dbOf) => ({
    ...store,
    async replace ({ hash, createdAt }, { request, user }) {
      const { rows } = await dbOf(request).query(`
        with replaced as (
          update scim_settings
          set token_hash = $2, token_created_at = $3, token_created_by = $4
          where tenant = $1
          returning tenant, token_hash, token_created_by
        )
        insert into scim_token_audit (tenant, token_hash, created_by)
        select tenant, token_hash, token_created_by from replaced
        returning id`, [tenantOf(request), hash, createdAt, user.name])
      return rows.length > 0
    },

    async setEnabled (enabled, { request, user }) {
      await dbOf(request).query(`
        with changed as (
          insert into scim_settings (tenant, enabled) values ($1, $2)
          on conflict (tenant) do update set enabled = excluded.enabled
          returning tenant, enabled
        )
        insert into scim_token_audit (tenant, enabled, created_by)
        select tenant, enabled, $3 from changed`, [tenantOf(request), enabled, user.name])
    }
  })
}

function tenantOf ({ headers }: FastifyRequest): string {
  return String(headers['x-tenant'] ?? 'default')
}
