import Fastify, { type FastifyRequest } from 'fastify'
import scimToken, { type ScimAuthResolver, type ScimAdminContext, type ScimTokenRecord, type ScimTokenStore, type ScimWriteContext } from 'fastify-scim-token'
import { memoryStore } from 'fastify-scim-token/stores/memory'
import { postgresStore } from 'fastify-scim-token/stores/postgres'
import pg from 'pg'
import { describe, expect, test } from 'tstyche'

interface Admin { id: number, roles: string[] }

declare module 'fastify-scim-token' {
  interface FastifyScimToken { user: Admin }
}

const app = Fastify()

describe('a user type, declared once,', () => {
  test('is what authenticate returns and authorize gets', () => {
    app.decorate('scimAuthResolver', {
      async authenticate (request) {
        expect(request).type.toBe<FastifyRequest>()
        return { id: 1, roles: ['ADMIN'] }
      },
      authorize (user, permissions, request) {
        expect(user).type.toBe<Admin>()
        expect(permissions).type.toBe<readonly string[]>()
        expect(request).type.toBe<FastifyRequest>()
        return permissions.some((permission) => user.roles.includes(permission))
      }
    })
    expect<ScimAuthResolver>().type.toBe<ScimAuthResolver<Admin>>()
  })

  test('may be missing: null or undefined -> 401', () => {
    app.decorate('scimAuthResolver', { authenticate: () => null, authorize: () => true })
    app.decorate('scimAuthResolver', { authenticate: () => undefined, authorize: () => true })
    app.decorate('scimAuthResolver', { authenticate: async (): Promise<Admin | undefined> => undefined, authorize: () => true })
  })

  test('is what a store gets in its context', () => {
    app.decorate('scimTokenStore', {
      replace (record, context) {
        expect(record).type.toBe<ScimTokenRecord>()
        expect(context).type.toBe<ScimWriteContext<Admin>>()
        expect(context).type.toBeAssignableTo<ScimAdminContext<Admin>>()
        expect(context.signal).type.toBe<AbortSignal>()
        expect(context.user).type.toBe<Admin>()
        return true
      },
      async find (context) {
        expect(context).type.not.toHaveProperty('user')
        return null
      }
    })
    expect<ScimTokenStore>().type.toBe<ScimTokenStore<Admin>>()
  })

  test('is what createdBy of the PostgreSQL store gets', () => {
    postgresStore({
      db: new pg.Pool(),
      createdBy (user) {
        expect(user).type.toBe<Admin>()
        return String(user.id)
      }
    })
  })
})

describe('the stores of the package', () => {
  test('fit the decorator', () => {
    app.decorate('scimTokenStore', memoryStore())
    app.decorate('scimTokenStore', memoryStore({ configured: false }))
    app.decorate('scimTokenStore', postgresStore({ db: new pg.Pool(), createdBy: (user) => String(user.id) }))
    app.decorate('scimTokenStore', postgresStore({ db: new pg.Client(), createdBy: (user) => String(user.id) }))
    app.decorate('scimTokenStore', postgresStore({ db: new pg.Pool(), preparedStatements: true, createdBy: (user) => String(user.id) }))
  })
})

describe('the compiler rejects', () => {
  test('a resolver that returns another type than the declared user', () => {
    app.decorate('scimAuthResolver', {
      // @ts-expect-error Property 'roles' is missing in type '{ id: number; }' but required in type 'Admin'.
      authenticate: () => ({ id: 1 }),
      authorize: () => true
    })
  })

  test('a resolver whose authorize does not return a boolean', () => {
    app.decorate('scimAuthResolver', {
      authenticate: () => null,
      // @ts-expect-error Type 'string[]' is not assignable to type 'Awaitable<boolean>'.
      authorize: (user) => user.roles
    })
  })

  test('a store without a method', () => {
    // @ts-expect-error Property 'find' is missing
    app.decorate('scimTokenStore', { replace: () => true })
  })

  test('a store whose replace returns nothing', () => {
    app.decorate('scimTokenStore', {
      // @ts-expect-error Type 'void' is not assignable to type 'Awaitable<boolean>'.
      replace () {},
      find: () => null
    })
  })

  test('a store whose record lacks its date', () => {
    app.decorate('scimTokenStore', {
      replace: () => true,
      // @ts-expect-error Property 'createdAt' is missing
      find: () => ({ hash: '' })
    })
  })

  test('an option that does not exist', () => {
    // @ts-expect-error 'permission' does not exist in type
    app.register(scimToken, { permission: ['ADMIN'] })
  })

  test('an option of another type', () => {
    // @ts-expect-error Type 'string' is not assignable to type 'readonly string[]'.
    app.register(scimToken, { permissions: 'ADMIN' })
    // @ts-expect-error Type 'string' is not assignable to type 'number'.
    app.register(scimToken, { timeout: '10s' })
  })

  test('the configuration of a route that does not exist', () => {
    // @ts-expect-error 'generateToken' does not exist in type
    app.register(scimToken, { routeConfig: { generateToken: {} } })
  })

  test('preparedStatements with a db that takes no names', () => {
    const db = { query: async (_text: string, _values: unknown[]) => ({ rows: [] }) }
    const createdBy = (user: Admin) => String(user.id)
    postgresStore({ db, createdBy })
    postgresStore({ db, createdBy, preparedStatements: false })
    // @ts-expect-error The types of 'db.query' are incompatible
    postgresStore({ db, createdBy, preparedStatements: true })
  })

  test('a db that takes names only, without preparedStatements', () => {
    const db = { query: async (_statement: { name: string, text: string, values: unknown[] }) => ({ rows: [] }) }
    const createdBy = (user: Admin) => String(user.id)
    postgresStore({ db, createdBy, preparedStatements: true })
    // @ts-expect-error Property 'preparedStatements' is missing
    postgresStore({ db, createdBy })
  })

  test('a PostgreSQL store without createdBy', () => {
    // @ts-expect-error Property 'createdBy' is missing
    postgresStore({ db: new pg.Pool() })
  })
})
