import cookie from '@fastify/cookie'
import { httpErrors } from '@fastify/sensible'
import type { FastifyContextConfig, FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import type { ScimAuthResolver } from 'fastify-scim-token'
import { sessionSeconds, type Sessions } from './sessions.ts'
import type { User, Users } from './users.ts'

const cookieName = 'unleash-session'

export interface AuthOptions {
  users: Users
  sessions: Sessions
  /** Fastify's `config` of the login route. */
  loginConfig: FastifyContextConfig
}

/**
 * Authenticates users as Unleash does: by an API token in the `Authorization` header, bare or as
 * `Bearer`, or by a session cookie. Decorates the app with the `scimAuthResolver`.
 */
async function auth (app: FastifyInstance, { users, sessions, loginConfig }: AuthOptions): Promise<void> {
  await app.register(cookie)

  const resolver: ScimAuthResolver<User> = {
    async authenticate ({ headers: { authorization }, cookies }) {
      if (authorization !== undefined) return users.byToken(authorization.replace(/^bearer +/i, ''))
      const session = cookies[cookieName]
      const name = session === undefined ? null : await sessions.findUserName(session)
      return name === null ? null : users.byName(name)
    },
    authorize (user, permissions) {
      return permissions.some((permission) => user.permissions.includes(permission))
    }
  }
  app.decorate('scimAuthResolver', resolver)

  // Only JSON is parsed, so that a form on another site cannot log a user in.
  app.post<{ Body: { username: string, password: string } }>('/auth/simple/login', {
    config: loginConfig,
    schema: loginSchema
  }, async ({ body: { username, password } }, reply) => {
    const user = users.byPassword(username, password)
    if (user === null) throw httpErrors.unauthorized('The username or the password is wrong.')

    const id = await sessions.create(user.name)
    reply.setCookie(cookieName, id, { path: '/', httpOnly: true, sameSite: 'lax', secure: 'auto', maxAge: sessionSeconds })
    return user
  })

  app.get('/api/admin/user', { schema: { hide: true } }, async (request) => {
    const user = await resolver.authenticate(request)
    if (!user) throw httpErrors.unauthorized('You must log in.')
    return { user, permissions: user.permissions.map((permission) => ({ permission })) }
  })
}

const loginSchema = {
  summary: 'Log in',
  description: 'Sets the session cookie that the admin routes accept in place of an API token. The password is the value of `ADMIN_PASSWORD` or `VIEWER_PASSWORD`.',
  tags: ['Auth'],
  security: [],
  body: {
    type: 'object',
    required: ['username', 'password'],
    properties: {
      username: { type: 'string' },
      password: { type: 'string', format: 'password' }
    },
    examples: [{ username: 'admin', password: 'example-admin-password' }]
  },
  response: {
    200: {
      description: 'The user that is logged in now.',
      type: 'object',
      properties: { name: { type: 'string' }, permissions: { type: 'array', items: { type: 'string' } } }
    }
  }
}

export default fastifyPlugin(auth, { name: 'host-auth' })
