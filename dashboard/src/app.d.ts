declare global {
  interface ImportMetaEnv {
    readonly VITE_TOCSIN_SUPABASE_URL?: string;
    readonly VITE_TOCSIN_PUBLISHABLE_KEY?: string;
  }
}

export {};
