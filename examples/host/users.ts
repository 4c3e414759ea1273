import { createHash, timingSafeEqual } from 'node:crypto'
import type { Config } from './config.ts'

/** A user of this host. */
export interface User {
  name: string
  permissions: string[]
}

declare module 'fastify-scim-token' {
  interface FastifyScimToken { user: User }
}

/** Finds the users of this host by their credentials. */
export interface Users {
  byName (name: string): User | null
  byToken (token: string): User | null
  byPassword (name: string, password: string): User | null
  passwordOf (name: string): string | undefined
}

/** Creates the two users: `admin` with the permission ADMIN, and `viewer` without permissions. */
export function configuredUsers (config: Config): Users {
  const accounts = [
    { user: { name: 'admin', permissions: ['ADMIN'] }, token: config.adminToken, password: config.adminPassword },
    { user: { name: 'viewer', permissions: [] }, token: config.viewerToken, password: config.viewerPassword }
  ]
  const byName = (wanted: string) => accounts.find(({ user }) => user.name === wanted)

  return {
    byName: (name) => byName(name)?.user ?? null,
    byToken: (sent) => accounts.find(({ token }) => isEqual(token, sent))?.user ?? null,
    byPassword (name, sent) {
      const account = byName(name)
      return account && isEqual(account.password, sent) ? account.user : null
    },
    passwordOf: (name) => byName(name)?.password
  }
}

/** Compares in constant time: hashes have the same length whatever the length of the text. */
function isEqual (a: string, b: string): boolean {
  return timingSafeEqual(sha256(a), sha256(b))
}

function sha256 (text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
