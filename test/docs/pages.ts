import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** A code block of the documentation. */
export interface Block {
  /** The file that has it, such as `docs/proxies.md`. */
  page: string
  /** The heading above it. */
  section: string
  language: string
  code: string
}

/** The pages that people write: the README and docs/, without the generated docs/api. */
export async function readPages (): Promise<Map<string, string>> {
  const docs = (await readdir(join(root, 'docs'))).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)
  return new Map(await Promise.all(['README.md', ...docs.sort()].map(async (page) => [page, await readFile(join(root, page), 'utf8')] as const)))
}

/** Returns the code blocks of a page in their order. */
export function findBlocks (page: string, markdown: string): Block[] {
  const blocks: Block[] = []
  let section = ''
  for (const [, heading, language, code = ''] of markdown.matchAll(/^#+ ([^\n]+)$|^```(\w*)\n(.*?)^```$/gms)) {
    if (heading !== undefined) section = heading
    else blocks.push({ page, section, language: language ?? '', code })
  }
  return blocks
}

/** Returns blocks of the documentation, and records which were used. */
export class Blocks {
  #blocks: Block[]
  readonly #used = new Set<Block>()

  constructor (pages: Map<string, string>) {
    this.#blocks = [...pages].flatMap(([page, markdown]) => findBlocks(page, markdown))
  }

  /** Returns the code of all blocks of a section in one language. */
  all (page: string, section: string, language: string): string[] {
    const found = this.#blocks.filter((block) => block.page === page && block.section === section && block.language === language)
    if (found.length === 0) throw new Error(`"${section}" of ${page} has no block of ${language}`)
    for (const block of found) this.#used.add(block)
    return found.map(({ code }) => code)
  }

  /** Returns the code of the only block of a section in one language. */
  one (page: string, section: string, language: string): string {
    const [code = '', ...others] = this.all(page, section, language)
    if (others.length > 0) throw new Error(`"${section}" of ${page} has ${others.length + 1} blocks of ${language}`)
    return code
  }

  /** Leaves out the blocks of a page that another test runs. */
  leaveOut (page: string, isRun: (block: Block) => boolean): void {
    this.#blocks = this.#blocks.filter((block) => block.page !== page || !isRun(block))
  }

  /** Returns the named files of a page: blocks whose first line is a comment with their name. */
  files (page: string): Record<string, string> {
    const found = this.#blocks.filter((block) => block.page === page && fileName(block) !== undefined)
    for (const block of found) this.#used.add(block)
    return Object.fromEntries(found.map((block) => [fileName(block), block.code]))
  }

  unused (): Block[] {
    return this.#blocks.filter((block) => !this.#used.has(block))
  }
}

function fileName ({ code }: Block): string | undefined {
  return /^\/\/ ([\w.-]+\.m?[jt]s)\n/.exec(code)?.[1]
}
