import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyRequest } from 'fastify'
import type { ScimSettingsStore, ScimTokenRecord } from '../../lib/index.ts'
import type { Queryable } from '../../lib/stores/postgres.ts'

interface User { name: string }
type Store = ScimSettingsStore<User>

/** Stores with a fault that a test on one node may well miss. They show that the checker does not. */
export const brokenStores: Record<string, (store: Store, dbOf: (request: FastifyRequest) => Queryable) => Store> = {
  /** Forgets its cache when its own node changes something, and knows nothing of the others. */
  'cached-find' (store) {
    let cached: { record: ScimTokenRecord | null, until: number } | undefined
    const forget = <T>(answer: T): T => { cached = undefined; return answer }
    return {
      ...store,
      replace: async (record, context) => forget(await store.replace(record, context)),
      setEnabled: async (enabled, context) => forget(await store.setEnabled(enabled, context)),
      async find (context) {
        if (cached === undefined || cached.until < performance.now()) {
          cached = { record: await store.find(context), until: performance.now() + 500 }
        }
        return cached.record
      }
    }
  },

  /** Reads the settings, writes them with the new token, writes the audit: each in a statement of its own. */
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
  })
}
