// What all contestants do alike.
import { memoryStore } from 'fastify-scim-token/stores/memory'
import { generateToken, hashToken } from '../../dist/token.js'

export const generatePath = '/api/admin/scim-settings/generate-new-token'
export const scimPath = '/scim/v2/Users'
export const permissions = ['ADMIN', 'UPDATE_AUTH_CONFIGURATION']

const users = new Map([['admin', { name: 'admin', permissions: ['ADMIN'] }]])

export const resolver = {
  authenticate: ({ headers }) => users.get(headers.authorization) ?? null,
  authorize: (user, wanted) => wanted.some((permission) => user.permissions.includes(permission))
}

/** Creates a resolver and an in-memory store with a token in it, whose methods return promises or plain values. */
export async function createHost ({ promises = true }) {
  const token = generateToken()
  const store = memoryStore()
  await store.replace({ hash: hashToken(token), createdAt: new Date() }, { request: {}, user: {}, signal: new AbortController().signal })
  return promises
    ? { token, resolver: withPromises(resolver), store: withPromises(store) }
    : { token, resolver, store }
}

/** Creates the same host with methods that return promises. */
export function withPromises (host) {
  return Object.fromEntries(Object.entries(host).map(([name, method]) => [name, async (...args) => method(...args)]))
}

/** The schema that serializes the token in the contestants on Fastify. */
export const tokenReply = {
  200: { type: 'object', properties: { token: { type: 'string' } }, required: ['token'], additionalProperties: false }
}

/** The response to an accepted SCIM request. */
export const noUsers = {
  schemas: ['urn:ietf:params:scim:api:messages:2.0:ListResponse'],
  totalResults: 0,
  itemsPerPage: 0,
  startIndex: 1,
  Resources: []
}

/** The server of a Fastify app, ready for requests. */
export async function serverOf (app) {
  await app.ready()
  return app.server
}
