import type { FastifyInstance } from 'fastify'
import type { ScimStorage } from './storage.ts'

/** Options of {@link scim}, besides Fastify's `prefix`. */
export interface ScimOptions {
  storage: ScimStorage
}

/**
 * Adds the SCIM routes, which require the SCIM token, over any storage:
 *
 * ```ts
 * await app.register(scim, { prefix: '/scim', storage })
 * ```
 */
export async function scim (_app: FastifyInstance, _options: ScimOptions): Promise<void> {
  throw new Error('not built yet')
}
