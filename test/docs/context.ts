import type { Pool } from 'pg'
import type { Blocks } from './pages.ts'
import type { Project } from './project.ts'

/** What the tests of all pages share. */
export interface Context {
  /** The Markdown of each page. */
  pages: Map<string, string>
  blocks: Blocks
  project: Project
  /** A real PostgreSQL server. */
  databaseUrl: string
  /** A pool on it. */
  db: Pool
  /** The documented commands that install packages. */
  installs: string[]
}
