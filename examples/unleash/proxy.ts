import httpProxy from '@fastify/http-proxy'
import type { FastifyInstance } from 'fastify'
import type { Database } from './database.ts'
import { unleashError } from './unleash-error.ts'

/** Proxies all other requests to Unleash, except changes by hand of a user whom the identity provider manages. */
export async function proxy (app: FastifyInstance, { db, unleashUrl }: { db: Database, unleashUrl: string }): Promise<void> {
  app.addHook('onRequest', async (request, reply) => {
    const userId = changedUser(request.method, request.url)
    if (userId === null) return
    try {
      if (!await isManaged(userId)) return
    } catch (error) {
      request.log.error(error, 'the database of Unleash cannot be used')
      return reply.code(503).send(unleashError('ServiceUnavailable', 'The database cannot be used now. Try again later.'))
    }
    // The status, the name and the message of Unleash Enterprise, for the admin UI.
    return reply.code(403).send(unleashError('ForbiddenError', 'This user is managed by your SCIM provider and cannot be changed manually'))
  })

  await app.register(httpProxy, {
    upstream: unleashUrl,
    replyOptions: {
      // Without "connection", with which a client could remove the headers below.
      rewriteRequestHeaders: (request, { connection, ...headers }) => ({
        ...headers,
        // Unleash trusts these headers, so what the client sends in them is replaced.
        'x-forwarded-for': request.ip,
        'x-forwarded-host': request.host,
        'x-forwarded-proto': request.protocol
      }),
      onError (reply, { error }) {
        reply.log.error(error, 'Unleash cannot be reached')
        reply.code(503).send(unleashError('ServiceUnavailable', 'Unleash cannot be reached now. Try again later.'))
      }
    }
  })

  async function isManaged (userId: number): Promise<boolean> {
    const { rows } = await db.query<{ managed: boolean }>(`
      select exists (select from settings where name = 'scim' and (content -> 'enabled')::text = 'true')
        and exists (select from users where id = $1 and scim_id is not null) as managed`, [userId])
    return rows[0]?.managed !== false
  }
}

/**
 * Returns the id of the user whom an admin changes with a request, or `null`. As in Unleash Enterprise, these are
 * changes of the name, the address, the role and the password; a user can still be removed, and still gets a link
 * to set a password.
 */
export function changedUser (method: string, url: string): number | null {
  // As the proxy resolves the path, which also has "." and "\", and as Express compares it, in any letter case.
  const { pathname } = new URL(url.replace(/^\/+/, '/'), 'http://unleash')
  const [, id, action] = /\/user-admin\/([^/]+)(\/change-password)?\/?$/i.exec(decodeURIComponent(pathname)) ?? []
  if (id === undefined || method !== (action === undefined ? 'PUT' : 'POST')) return null
  const number = Number(id)
  return Number.isInteger(number) ? number : null
}
