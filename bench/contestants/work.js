// What every contestant does or answers alike.

export const generatePath = '/api/admin/scim-settings/generate-new-token'
export const scimPath = '/scim/v2/Users'
export const permissions = ['ADMIN', 'UPDATE_AUTH_CONFIGURATION']

const users = new Map([['admin', { name: 'admin', permissions: ['ADMIN'] }]])

export const resolver = {
  authenticate: ({ headers }) => users.get(headers.authorization) ?? null,
  authorize: (user, wanted) => wanted.some((permission) => user.permissions.includes(permission))
}

/** The schema that serialises the token in the contestants on Fastify. */
export const tokenReply = {
  200: { type: 'object', properties: { token: { type: 'string' } }, required: ['token'], additionalProperties: false }
}

/** What a SCIM request that is let in is answered with. */
export const noUsers = {
  schemas: ['urn:ietf:params:scim:api:messages:2.0:ListResponse'],
  totalResults: 0,
  itemsPerPage: 0,
  startIndex: 1,
  Resources: []
}

/** Listens on a free port of the loopback interface and answers the port. */
export async function listen (app) {
  await app.listen({ host: '127.0.0.1', port: 0 })
  return app.server.address().port
}
