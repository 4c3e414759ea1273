import httpProxy from '@fastify/http-proxy'
import type { FastifyInstance } from 'fastify'
import type { Database } from '../scim/postgres-pool.ts'
import { unleashError } from './unleash-error.ts'

/** Proxies all other requests to Unleash, except changes by hand of a user whom the identity provider manages. */
export async function proxy (app: FastifyInstance, { db, unleashUrl }: { db: Database, unleashUrl: string }): Promise<void> {
  app.addHook('onRequest', async (request, reply) => {
    const path = normalizePath(request.url)
    if (path === null) return reply.code(400).send(unleashError('BadDataError', 'The URL is malformed.'))
    const userId = changedUser(request.method, path)
    if (userId === null) return
    try {
      // Unleash rejects the request of a caller whom it does not know.
      const user = await app.scimAuthResolver.authenticate(request)
      if (!user || !await isManaged(userId)) return
    } catch (error) {
      request.log.error(error, 'Unleash or its database cannot be used')
      return reply.code(503).send(unleashError('ServiceUnavailable', 'Unleash or its database cannot be used now. Try again later.'))
    }
    // The status, the name and the message of Unleash Enterprise, for the admin UI.
    return reply.code(403).send(unleashError('ForbiddenError', 'This user is managed by your SCIM provider and cannot be changed manually'))
  })

  await app.register(httpProxy, {
    upstream: unleashUrl,
    // It logs whole paths, which hold tokens.
    disableRequestLogging: true,
    replyOptions: {
      rewriteRequestHeaders: (request, headers) => ({
        ...Object.fromEntries(Object.entries(headers).filter(([name]) => !hopByHop.has(name))),
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

// RFC 9110, section 7.6.1. With "connection" a client could remove the headers that the proxy sets.
const hopByHop: ReadonlySet<string> = new Set(['connection', 'expect', 'http2-settings', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'upgrade'])

/** Returns a path as the proxy and Unleash resolve it, without "." and with single slashes; `null` if it is malformed. */
export function normalizePath (url: string): string | null {
  try {
    return decodeURIComponent(new URL(url.replace(/^\/+/, '/'), 'http://unleash').pathname).replace(/[/\\]+/g, '/')
  } catch {
    return null
  }
}

const largestId = 2 ** 31 - 1

/**
 * Returns the id of the user whom an admin changes with a request, or `null`. As in Unleash Enterprise, these are
 * changes of the name, the address, the role and the password; a user can still be removed, and still gets a link
 * to set a password.
 *
 * @param path what {@link normalizePath} returned; Express compares it in any letter case
 */
export function changedUser (method: string, path: string): number | null {
  const [, id, action] = /\/user-admin\/([^/]+)(\/change-password)?\/?$/i.exec(path) ?? []
  if (id === undefined || method !== (action === undefined ? 'PUT' : 'POST')) return null
  const number = Number(id)
  return Number.isInteger(number) && number <= largestId ? number : null
}
