import { createHash, timingSafeEqual } from 'node:crypto'
import type { ScimAuthResolver } from 'fastify-scim-token'

/** A user of this host, known by an API token. */
export interface User {
  name: string
  permissions: string[]
}

declare module 'fastify-scim-token' {
  interface FastifyScimToken { user: User }
}

/** Knows the users by the `Authorization` header, bare or as `Bearer`, as Unleash does. */
export function usersByToken (users: ReadonlyMap<string, User>): ScimAuthResolver<User> {
  const known = [...users].map(([token, user]) => ({ digest: sha256(token), user }))
  return {
    authenticate ({ headers }) {
      const sent = sha256(headers.authorization?.replace(/^bearer +/i, '') ?? '')
      return known.find(({ digest }) => timingSafeEqual(digest, sent))?.user ?? null
    },
    authorize (user, permissions) {
      return permissions.some((permission) => user.permissions.includes(permission))
    }
  }
}

function sha256 (text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
