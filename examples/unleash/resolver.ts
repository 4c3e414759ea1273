import type { ScimAuthResolver } from 'fastify-scim-token'
import type { EventAuthor } from './events.ts'

/** A user of Unleash who calls the admin routes. */
export interface Caller extends EventAuthor {
  /** The permissions of root roles. */
  permissions: string[]
}

/** Creates a resolver that sends the session cookie or token to Unleash, which authenticates the caller. */
export function unleashResolver (unleashUrl: string): ScimAuthResolver<Caller> {
  return {
    async authenticate ({ headers: { cookie, authorization }, ip }) {
      if (cookie === undefined && authorization === undefined) return null
      const response = await fetch(`${unleashUrl}/api/admin/user`, {
        headers: { 'x-forwarded-for': ip, ...(cookie !== undefined && { cookie }), ...(authorization !== undefined && { authorization }) },
        redirect: 'error',
        signal: AbortSignal.timeout(5000)
      })
      // 403 is the response to an API token of an SDK.
      if (response.status === 401 || response.status === 403) return null
      if (response.status !== 200) throw new Error(`GET /api/admin/user: Unleash responded with ${response.status}`)
      return toCaller(await response.json())
    },

    authorize: (caller, permissions) => permissions.some((permission) => caller.permissions.includes(permission))
  }
}

function toCaller (body: unknown): Caller {
  const { user, permissions } = Object(body) as { user?: { id?: unknown, username?: unknown, email?: unknown }, permissions?: unknown }
  const name = user?.email || user?.username
  if (!Number.isInteger(user?.id) || typeof name !== 'string' || !Array.isArray(permissions)) {
    throw new TypeError('GET /api/admin/user: Unleash responded without a user or without permissions')
  }
  return {
    id: user?.id as number,
    name,
    // The same name with a project or an environment is a permission in that project alone.
    permissions: permissions.filter(({ project, environment }) => !project && !environment).map(({ permission }) => permission)
  }
}
