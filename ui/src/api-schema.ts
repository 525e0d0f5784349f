/** Made of docs/reference/openapi.json by `npm run schema`: change that, not this. */

export interface paths {
    "/api/compare": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What is new, gone, more or less frequent than before. */
        get: operations["getCompare"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/context": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The events around an event, whatever the query was. */
        get: operations["getContext"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/count": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How many events match. */
        get: operations["getCount"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/event/{uid}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One event, with its way through loggr. */
        get: operations["getEventUid"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/explain-nothing": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Why a query finds nothing: which term excludes everything, and where matching events are. */
        get: operations["getExplainNothing"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All matching events as a file. */
        get: operations["getExport"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/fields": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The fields that the matching events have. */
        get: operations["getFields"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/histogram": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Matching events by time and by the values of a field. */
        get: operations["getHistogram"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/notifications": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What changes in the installation, as server-sent events. */
        get: operations["getNotifications"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This document. */
        get: operations["getOpenapiJson"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/parse": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Reads a query without asking it: its parts for colouring, or what is wrong with it and where. */
        get: operations["getParse"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/patterns": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Matching events by the shape of their message. */
        get: operations["getPatterns"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queues/{name}/peek": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The oldest events that wait in a queue; they stay there. */
        get: operations["getQueuesNamePeek"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queues/{name}/purge": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Drops what waits in a queue. */
        post: operations["postQueuesNamePurge"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rescue": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What could not be delivered, and why. */
        get: operations["getRescue"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rescue/discard": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Deletes rescued events for ever. */
        post: operations["postRescueDiscard"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rescue/replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Offers rescued events to their destination again. */
        post: operations["postRescueReplay"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/saved": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The saved searches that one may see. */
        get: operations["getSaved"];
        put?: never;
        /** Saves a search under a new name. */
        post: operations["postSaved"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/saved/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Changes a saved search of one's own. */
        put: operations["putSavedName"];
        post?: never;
        /** Removes a saved search of one's own. */
        delete: operations["deleteSavedName"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/search": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Matching events, a page of them. */
        get: operations["getSearch"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/span": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** From when to when the store has events. */
        get: operations["getSpan"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What is so in the installation. */
        get: operations["getStatus"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/status/feed": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The same again and again, as server-sent events. */
        get: operations["getStatusFeed"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tail": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** New matching events as they come, as server-sent events. */
        get: operations["getTail"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/top": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The most frequent values of a field among the matching events. */
        get: operations["getTop"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/upload": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Takes a log file, whose lines become events; tells line by line how far it has come. */
        post: operations["postUpload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/values": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Values of a field that begin in a certain way, for completing what somebody types. */
        get: operations["getValues"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description The events of a span of time. */
        Bar: {
            /** @description One for each of `series`, and one for events without the field where `without` says so. */
            counts: number[];
            /** @description Where it begins. */
            start: string;
        };
        /** @description Something that has changed. */
        Change: {
            /**
             * Format: uint64
             * @description Events before.
             */
            before: number;
            /** @description An event of the shape. */
            example?: components["schemas"]["Example"] | null;
            /** @description Of which field a value is. */
            field?: string | null;
            /** @description `new`, `gone`, `grew` or `shrank`. */
            kind: string;
            /**
             * Format: uint64
             * @description Events now.
             */
            now: number;
            /** @description The message of the example in pieces, and whether each of them varies. */
            parts: [
                string,
                boolean
            ][];
            /**
             * Format: double
             * @description Events a second before.
             */
            rate_before: number;
            /**
             * Format: double
             * @description Events a second now.
             */
            rate_now: number;
            /**
             * Format: double
             * @description How sure it is that this is no chance; greater is surer.
             */
            score: number;
            /** @description Events of the shape by severity: now, or before if it is gone. */
            severities: {
                [key: string]: number;
            };
            /** @description Which shape it is. */
            shape?: string | null;
            /** @description The words of the shape. */
            text?: string | null;
            /** @description Which value it is. */
            value?: string | null;
            /** @description `shape` or `value`. */
            what: string;
        };
        /** @description What has changed between two ranges. */
        Comparison: {
            /** @description The one that it is compared with. */
            before: components["schemas"]["Side"];
            /** @description The most significant first. */
            changes: components["schemas"]["Change"][];
            /** @description The range that was asked for. */
            now: components["schemas"]["Side"];
            /** @description Something was left out: the time was over, or a file is damaged. */
            partial: boolean;
            /** @description The range that was asked for, as moments. */
            range: components["schemas"]["Range"];
            /** @description What was looked at. */
            stats: components["schemas"]["Stats"];
            /** @description What was left out and why. */
            warnings: string[];
        };
        /** @description The events around one. */
        Context: {
            /** @description The uid of the one in the middle. */
            anchor: string;
            /** @description Where newer ones go on. */
            cursor_after?: string | null;
            /** @description Where older ones go on. */
            cursor_before?: string | null;
            /** @description Oldest first, with the one in the middle. */
            events: components["schemas"]["Event"][];
            /** @description There are newer ones. */
            more_after: boolean;
            /** @description There are older ones. */
            more_before: boolean;
            /** @description Something was left out: the time was over, or a file is damaged. */
            partial: boolean;
            /** @description The range that was asked for, as moments. */
            range: components["schemas"]["Range"];
            /** @description What was looked at. */
            stats: components["schemas"]["Stats"];
            /** @description What was left out and why. */
            warnings: string[];
        };
        /** @description A number of events. */
        Count: {
            /**
             * Format: uint64
             * @description How many match.
             */
            events: number;
            /** @description Something was left out: the time was over, or a file is damaged. */
            partial: boolean;
            /** @description The range that was asked for, as moments. */
            range: components["schemas"]["Range"];
            /** @description What was looked at. */
            stats: components["schemas"]["Stats"];
            /** @description What was left out and why. */
            warnings: string[];
        };
        /** @description What was deleted. */
        Discarded: {
            /**
             * Format: uint64
             * @description Events.
             */
            discarded: number;
        };
        /** @description What was dropped of a queue. */
        Dropped: {
            /**
             * Format: uint64
             * @description How many.
             */
            dropped: number;
            /**
             * Format: uint64
             * @description Events of it that somebody works on.
             */
            in_hand: number;
            /** @description What becomes of those. */
            in_hand_is: components["schemas"]["InHand"];
            /** @description Of what: a broker counts messages. */
            unit: components["schemas"]["Unit"];
        };
        /** @description An entry of the rescue. */
        Entry: {
            /**
             * Format: uint32
             * @description How often it was tried.
             */
            attempts: number;
            /** @description The first of them, where it was asked for. */
            event?: unknown;
            /**
             * Format: uint
             * @description How many events it has.
             */
            events: number;
            /** @description Its number. */
            id: string;
            /** @description Why it is there. */
            reason: string;
            /** @description Whose it is. */
            sink: string;
            /** @description Since when, in RFC 3339. */
            time: string;
        };
        /** @description An event. Fields that it does not have are left out. */
        Event: {
            app_name: string;
            defects?: string[];
            facility: string;
            fields: {
                [key: string]: string[];
            };
            hmac?: string;
            message: string;
            /** @description How many characters the message has, where not all of them are sent. */
            message_cut?: number;
            msgid?: string;
            /** @description Where it came from. */
            origin?: {
                format?: string;
                keep_leading_blank?: boolean;
                listener: string;
                peer: string;
                timezone?: string;
                tls_name?: string;
                transport: string;
                trusted?: boolean;
            };
            /** @description How many bytes the line had, where it was too long to be received whole. */
            original_len?: number;
            procid?: string;
            programname?: string;
            raw?: string;
            severity: string;
            source: string;
            structured_data?: {
                [key: string]: {
                    [key: string]: string[];
                };
            };
            syslogtag?: string;
            tags: string[];
            timegenerated: string;
            timehmac?: string;
            timereported: string;
            /** @description What the system itself says of the sender. */
            trusted?: {
                [key: string]: string;
            };
            uid: string;
        };
        /** @description The event that a shape is shown with. */
        Example: {
            app_name: string;
            message: string;
            source: string;
            timegenerated: string;
            uid: string;
        };
        /** @description Why nothing was found. */
        Explained: {
            /** @description Ways of writing that mean something else here. */
            hints: string[];
            /**
             * Format: uint64
             * @description Events in the range, whatever the query.
             */
            in_range: number;
            /** @description The nearest matching events outside the range. */
            nearest: components["schemas"]["Nearest"];
            /** @description When the newest event that one may see was received. */
            newest?: string | null;
            /** @description Something was left out: the time was over, or a file is damaged. */
            partial: boolean;
            /** @description The range that was asked for, as moments. */
            range: components["schemas"]["Range"];
            /** @description What was looked at. */
            stats: components["schemas"]["Stats"];
            /** @description What each term finds in the range by itself, and what is found without it. */
            terms: components["schemas"]["Term"][];
            /** @description Fields that no event has. */
            unknown: components["schemas"]["Unknown2"][];
            /** @description What was left out and why. */
            warnings: string[];
        };
        /** @description From when to when there are events. */
        Extent: {
            /**
             * Format: uint64
             * @description How many there are; `partial` where not all could be counted.
             */
            events: number;
            /** @description When the newest was received. */
            newest?: string | null;
            /** @description When the oldest was received. */
            oldest?: string | null;
            /** @description Something was left out: the time was over, or a file is damaged. */
            partial: boolean;
            /** @description The range that was asked for, as moments. */
            range: components["schemas"]["Range"];
            /** @description What was looked at. */
            stats: components["schemas"]["Stats"];
            /** @description What was left out and why. */
            warnings: string[];
        };
        /** @description The fields that matching events have. */
        Fields: {
            /** @description Those that every event may have first, then the others, the most frequent first. */
            fields: components["schemas"]["OneField"][];
            /**
             * Format: uint64
             * @description All matching events.
             */
            matched: number;
            /** @description Something was left out: the time was over, or a file is damaged. */
            partial: boolean;
            /** @description The range that was asked for, as moments. */
            range: components["schemas"]["Range"];
            /** @description What was looked at. */
            stats: components["schemas"]["Stats"];
            /** @description What was left out and why. */
            warnings: string[];
        };
        /** @description Events by time and by the values of a field. */
        Histogram: {
            /** @description The bars that hold something, oldest first. */
            buckets: components["schemas"]["Bar"][];
            /** @description By which field. */
            by: string;
            /** @description Something was left out: the time was over, or a file is damaged. */
            partial: boolean;
            /** @description The range that was asked for, as moments. */
            range: components["schemas"]["Range"];
            /** @description What the counts of each bar are of: values, in the end null for all others. */
            series: (string | null)[];
            /** @description What was looked at. */
            stats: components["schemas"]["Stats"];
            /**
             * Format: uint64
             * @description All events.
             */
            total: number;
            /** @description What was left out and why. */
            warnings: string[];
            /**
             * Format: uint64
             * @description Milliseconds from one bar to the next.
             */
            width_ms: number;
            /** @description The last count of each bar, behind those of `series`, is of events without the field. */
            without: boolean;
        };
        /** @description What becomes of events that somebody works on while their queue is purged. */
        InHand: "doomed" | "kept";
        /** @description The saved searches that one may see. */
        Listed: {
            /** @description By name. */
            saved: components["schemas"]["SavedSearch"][];
        };
        /** @description Matching events outside a range. */
        Nearest: {
            /** @description The first one after it. */
            after?: string | null;
            /** @description The last one before it. */
            before?: string | null;
        };
        /** @description One event. */
        One: {
            event: components["schemas"]["Event"];
            /** @description The received bytes as text, where they were kept. */
            raw_text?: string | null;
            /** @description The shape of its message. */
            shape: string;
            /** @description The message in pieces, and whether each of them varies. */
            shape_parts: [
                string,
                boolean
            ][];
            /** @description Where it came from and where it went. */
            way: components["schemas"]["Step"][];
        };
        /** @description A field. */
        OneField: {
            /** @description It is one that every event may have. */
            core: boolean;
            /**
             * Format: uint64
             * @description How many different values it has, where that was asked for.
             */
            distinct?: number | null;
            /** @description It has more than that; nobody counted on. */
            distinct_more: boolean;
            /**
             * Format: uint64
             * @description Events that have it.
             */
            events: number;
            /** @description What its values look like: `word`, `text`, `integer`, `float`, `ip`. */
            kind: string;
            /** @description By its name in queries. */
            name: string;
        };
        /** @description A page of events. */
        Page: {
            /** @description Where the next page begins; null where nothing more can come. */
            cursor?: string | null;
            /** @description In the order asked for. */
            events: components["schemas"]["Event"][];
            /** @description For each event the places in its message that were searched for, in UTF-16 code units. */
            matches?: [
                number,
                number
            ][][] | null;
            /** @description There may be more. */
            more: boolean;
            /** @description Something was left out: the time was over, or a file is damaged. */
            partial: boolean;
            /** @description The range that was asked for, as moments. */
            range: components["schemas"]["Range"];
            /** @description What was looked at. */
            stats: components["schemas"]["Stats"];
            /** @description What was left out and why. */
            warnings: string[];
        };
        /** @description A query that was read, or what is wrong with it. */
        Parsed: {
            /** @description The same query in the words of the reference. */
            canonical?: string | null;
            /** @description What is wrong, and where. */
            error?: components["schemas"]["Problem"] | null;
            /** @description The fields that it names. */
            fields: string[];
            /** @description It can be asked. */
            ok: boolean;
            /** @description Its parts, in order; what lies between them is space. */
            tokens: components["schemas"]["Token"][];
            /** @description Custom fields that it names and no event has. */
            unknown: components["schemas"]["Unknown"][];
        };
        /** @description A shape. */
        Pattern: {
            /**
             * Format: uint64
             * @description Events that have it.
             */
            events: number;
            /** @description The newest of its events. */
            example?: components["schemas"]["Example"] | null;
            /** @description When the first of them was received. */
            first: string;
            /** @description When the last of them was received. */
            last: string;
            /** @description The message of the example in pieces, and whether each of them varies. */
            parts: [
                string,
                boolean
            ][];
            /** @description Events by severity. */
            severities: {
                [key: string]: number;
            };
            /** @description Its name; `shape:NAME` in a query finds its events. */
            shape: string;
            /** @description Events in equal parts of the range. */
            sparkline: number[];
            /** @description The words of the shape, with a mark for what varies. */
            text: string;
        };
        /** @description Matching events by the shape of their message. */
        Patterns: {
            /**
             * Format: uint64
             * @description How many different shapes there are.
             */
            distinct: number;
            /**
             * Format: uint64
             * @description All matching events.
             */
            matched: number;
            /** @description Something was left out: the time was over, or a file is damaged. */
            partial: boolean;
            /** @description The most frequent first. */
            patterns: components["schemas"]["Pattern"][];
            /** @description The range that was asked for, as moments. */
            range: components["schemas"]["Range"];
            /**
             * Format: uint64
             * @description Events of shapes that were too many to be counted one by one.
             */
            rest: number;
            /** @description What was looked at. */
            stats: components["schemas"]["Stats"];
            /** @description What was left out and why. */
            warnings: string[];
        };
        Problem: {
            /** @description What went wrong, for programs. */
            code: string;
            /** @description Where a query cannot be read, from 1. */
            column?: number;
            /** @description A sentence that says what failed and why. */
            detail: string;
            /** @description What to do. */
            hint?: string;
            hints?: string[];
            /** @description How many of them cannot be read. */
            length?: number;
            /** @description How one can log in, where nobody is. */
            login?: {
                /** @description There is no user yet. */
                first: boolean;
                /** @description With a name and a password. */
                form: boolean;
                /** @description What OpenID Connect is called here. */
                oidc: string | null;
            };
            /** @description The same in UTF-16 code units, from 0. */
            offset?: number;
            parameter?: string;
            /** @description The number under which the log has more. */
            request?: string;
            status: number;
            title: string;
            type: string;
        };
        /** @description From a moment until before another one; an open end is null. */
        Range: {
            /** @description The first moment of the range, in RFC 3339. */
            from?: string | null;
            /** @description The first moment behind it. */
            to?: string | null;
        };
        /** @description What became of events that were offered again. */
        Replayed: {
            /**
             * @description Why the last of them.
             * @default null
             */
            reason: string | null;
            /**
             * Format: uint
             * @description Events that it refused once more; they stay.
             * @default 0
             */
            refused: number;
            /**
             * Format: uint64
             * @description Events that their destination has taken.
             * @default 0
             */
            replayed: number;
        };
        /** @description Entries, and how many there are for each reason. */
        Rescued: {
            /** @description Of the first page alone. */
            by_reason: components["schemas"]["Sum"][];
            cursor?: string | null;
            entries: components["schemas"]["Entry"][];
            /** @description There are more entries than were summed up. */
            partial: boolean;
        };
        /** @description A saved search. */
        SavedSearch: {
            /**
             * @description The columns that are shown beside the usual ones.
             * @default []
             */
            cols: string[];
            /**
             * @description Where the range begins, as it was written: `now-1h`.
             * @default
             */
            from: string;
            /** @description It is of the one who asks, who may change it. */
            mine: boolean;
            /**
             * @description How it is called.
             * @default
             */
            name: string;
            /** @description Who saved it. */
            owner: string;
            /**
             * @description The query.
             * @default
             */
            q: string;
            /**
             * @description Everybody may see it.
             * @default false
             */
            shared: boolean;
            /**
             * @description It is what its owner sees first.
             * @default false
             */
            start: boolean;
            /**
             * @description Where it ends.
             * @default
             */
            to: string;
            /**
             * @description How it is shown: `explore` or `patterns`.
             * @default explore
             */
            view: components["schemas"]["View"];
        };
        /** @description A search that somebody keeps. */
        Search: {
            /**
             * @description The columns that are shown beside the usual ones.
             * @default []
             */
            cols: string[];
            /**
             * @description Where the range begins, as it was written: `now-1h`.
             * @default
             */
            from: string;
            /**
             * @description How it is called.
             * @default
             */
            name: string;
            /**
             * @description The query.
             * @default
             */
            q: string;
            /**
             * @description Everybody may see it.
             * @default false
             */
            shared: boolean;
            /**
             * @description It is what its owner sees first.
             * @default false
             */
            start: boolean;
            /**
             * @description Where it ends.
             * @default
             */
            to: string;
            /**
             * @description How it is shown: `explore` or `patterns`.
             * @default explore
             */
            view: components["schemas"]["View"];
        };
        /** @description One of two ranges. */
        Side: {
            /**
             * Format: uint64
             * @description Matching events in it.
             */
            events: number;
            /** @description The first moment of the range, in RFC 3339. */
            from?: string | null;
            /** @description The first moment behind it. */
            to?: string | null;
        };
        /** @description What a query looked at. */
        Stats: {
            /**
             * Format: uint64
             * @description Groups of rows whose index was asked.
             */
            groups: number;
            /**
             * Format: uint64
             * @description Groups of rows of which columns were read.
             */
            groups_read: number;
            /**
             * Format: uint64
             * @description Events that matched in what was looked at.
             */
            matched: number;
            /**
             * Format: uint64
             * @description Milliseconds from the question to the answer.
             */
            ms: number;
        };
        /** @description A station on the way of an event. */
        Step: {
            /** @description When, if that is known. */
            at?: string | null;
            /** @description What else is known of it. */
            detail?: string | null;
            /** @description Where: a host, a listener, an exchange, a machine, a shipper. */
            name: string;
            /** @description `done`, `rescued`, or `unknown` where nobody can know it. */
            state: string;
            /** @description `reported`, `received`, `published`, `filtered`, `packed` or `stored`. */
            step: string;
        };
        /** @description What is there for one reason. */
        Sum: {
            /**
             * Format: uint64
             * @description Entries.
             */
            entries: number;
            /**
             * Format: uint64
             * @description Their events.
             */
            events: number;
            /** @description Why. */
            reason: string;
            /** @description Whose. */
            sink: string;
        };
        /** @description A term of the query. */
        Term: {
            /**
             * Format: uint64
             * @description Events that it finds by itself.
             */
            alone: number;
            /** @description As it is written in the query. */
            text: string;
            /**
             * Format: uint64
             * @description Events that the others find without it.
             */
            without: number;
        };
        /** @description A part of a query's text. */
        Token: {
            /**
             * Format: uint
             * @description Where it begins, in UTF-16 code units.
             */
            from: number;
            /** @description What it is. */
            kind: string;
            /**
             * Format: uint
             * @description Where it ends.
             */
            to: number;
        };
        /** @description The most frequent values of a field. */
        Top: {
            /**
             * Format: uint64
             * @description How many different values there are.
             */
            distinct: number;
            /** @description The field, by its name in queries. */
            field: string;
            /**
             * Format: uint64
             * @description All matching events.
             */
            matched: number;
            /** @description Something was left out: the time was over, or a file is damaged. */
            partial: boolean;
            /** @description The range that was asked for, as moments. */
            range: components["schemas"]["Range"];
            /** @description What was looked at. */
            stats: components["schemas"]["Stats"];
            /** @description The most frequent first. */
            values: components["schemas"]["Value"][];
            /** @description What was left out and why. */
            warnings: string[];
            /**
             * Format: uint64
             * @description Events that have the field.
             */
            with_field: number;
        };
        /** @description What a queue counts. */
        Unit: "events" | "messages";
        /** @description A field that no event has. */
        Unknown: {
            field: string;
            /** @description What was probably meant. */
            suggestion?: string | null;
        };
        /** @description A field that no event has. */
        Unknown2: {
            field: string;
            /** @description What was probably meant. */
            suggestion?: string | null;
        };
        /** @description A value. */
        Value: {
            /**
             * Format: uint64
             * @description Events that have it.
             */
            events: number;
            value: string;
        };
        /** @description How a search is shown. */
        View: "explore" | "patterns";
        /** @description Which entries are meant. */
        Which: {
            /** @description One entry. */
            id?: string | null;
            /** @description All that are there for this reason; with neither, all of the sink. */
            reason?: string | null;
            /** @description Whose. */
            sink: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    getCompare: {
        parameters: {
            query?: {
                /** @description The query; an empty one finds everything. */
                q?: string;
                /** @description Events from this moment on, for example `now-15m`. */
                from?: string;
                /** @description Events before this moment. */
                to?: string;
                /** @description The shipper whose store is asked; if it is left out, the one that the configuration names. */
                store?: string;
                /** @description The query ends after this time (`30s` if it is left out, at most `5m`) with what it has found. */
                timeout?: string;
                /** @description The range to compare with begins here; if it is left out, it has the same length and ends where the other begins. */
                before_from?: string;
                /** @description The range to compare with ends here. */
                before_to?: string;
                /** @description With `1` the range that was asked for is left out of the range to compare with: a spike against what is around it. If `before_from` and `before_to` are left out, that is its own length on both sides. */
                exclude?: "0" | "1" | "false" | "true";
                /** @description At most so many changes. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Comparison"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getContext: {
        parameters: {
            query: {
                /** @description The shipper whose store is asked; if it is left out, the one that the configuration names. */
                store?: string;
                /** @description The query ends after this time (`30s` if it is left out, at most `5m`) with what it has found. */
                timeout?: string;
                /** @description The uid of the event in the middle. */
                uid: string;
                /** @description Events of the same host; of the same host and program; or all events. */
                same?: "host" | "app" | "all";
                /** @description At most so many older events. */
                before?: number;
                /** @description At most so many newer events. */
                after?: number;
                /** @description Only older events behind this place, and no newer ones. */
                cursor_before?: string;
                /** @description Only newer events behind this place, and no older ones. */
                cursor_after?: string;
                /** @description So many characters of each message are sent; one that is longer tells its length in `message_cut`. */
                max_message?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Context"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getCount: {
        parameters: {
            query?: {
                /** @description The query; an empty one finds everything. */
                q?: string;
                /** @description Events from this moment on, for example `now-15m`. */
                from?: string;
                /** @description Events before this moment. */
                to?: string;
                /** @description The shipper whose store is asked; if it is left out, the one that the configuration names. */
                store?: string;
                /** @description The query ends after this time (`30s` if it is left out, at most `5m`) with what it has found. */
                timeout?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Count"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getEventUid: {
        parameters: {
            query?: {
                /** @description The shipper whose store is asked; if it is left out, the one that the configuration names. */
                store?: string;
                /** @description The query ends after this time (`30s` if it is left out, at most `5m`) with what it has found. */
                timeout?: string;
                /** @description So many characters of each message are sent; one that is longer tells its length in `message_cut`. */
                max_message?: number;
            };
            header?: never;
            path: {
                /** @description The uid of the event. */
                uid: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["One"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getExplainNothing: {
        parameters: {
            query?: {
                /** @description The query; an empty one finds everything. */
                q?: string;
                /** @description Events from this moment on, for example `now-15m`. */
                from?: string;
                /** @description Events before this moment. */
                to?: string;
                /** @description The shipper whose store is asked; if it is left out, the one that the configuration names. */
                store?: string;
                /** @description The query ends after this time (`30s` if it is left out, at most `5m`) with what it has found. */
                timeout?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Explained"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getExport: {
        parameters: {
            query?: {
                /** @description The query; an empty one finds everything. */
                q?: string;
                /** @description Events from this moment on, for example `now-15m`. */
                from?: string;
                /** @description Events before this moment. */
                to?: string;
                /** @description The shipper whose store is asked; if it is left out, the one that the configuration names. */
                store?: string;
                /** @description The query ends after this time (`30s` if it is left out, at most `5m`) with what it has found. */
                timeout?: string;
                /** @description A JSON object a line, CSV, or a line of text. */
                format?: "ndjson" | "csv" | "text";
                /** @description The fields of a CSV file, with commas between them. */
                columns?: string;
                /** @description Which events come first. */
                order?: "newest" | "oldest";
                /** @description At most so many events. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": unknown;
                    "text/csv; charset=utf-8": unknown;
                    "text/plain; charset=utf-8": unknown;
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getFields: {
        parameters: {
            query?: {
                /** @description The query; an empty one finds everything. */
                q?: string;
                /** @description Events from this moment on, for example `now-15m`. */
                from?: string;
                /** @description Events before this moment. */
                to?: string;
                /** @description The shipper whose store is asked; if it is left out, the one that the configuration names. */
                store?: string;
                /** @description The query ends after this time (`30s` if it is left out, at most `5m`) with what it has found. */
                timeout?: string;
                /** @description With `1` the number of different values of the first 200 fields is told, exactly up to 10,000. It takes longer. */
                distinct?: "0" | "1" | "false" | "true";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Fields"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getHistogram: {
        parameters: {
            query?: {
                /** @description The query; an empty one finds everything. */
                q?: string;
                /** @description Events from this moment on, for example `now-15m`. */
                from?: string;
                /** @description Events before this moment. */
                to?: string;
                /** @description The shipper whose store is asked; if it is left out, the one that the configuration names. */
                store?: string;
                /** @description The query ends after this time (`30s` if it is left out, at most `5m`) with what it has found. */
                timeout?: string;
                /** @description Counts by the values of this field; by severity if it is left out. */
                by?: string;
                /** @description So many of the most frequent values have counts of their own. */
                values?: number;
                /** @description About so many bars. */
                buckets?: number;
                /** @description The width of a bar; it goes before `buckets`. */
                width?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Histogram"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getNotifications: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": unknown;
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getOpenapiJson: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getParse: {
        parameters: {
            query?: {
                /** @description The query. */
                q?: string;
                /** @description The shipper in whose store its fields are looked for. */
                store?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Parsed"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getPatterns: {
        parameters: {
            query?: {
                /** @description The query; an empty one finds everything. */
                q?: string;
                /** @description Events from this moment on, for example `now-15m`. */
                from?: string;
                /** @description Events before this moment. */
                to?: string;
                /** @description The shipper whose store is asked; if it is left out, the one that the configuration names. */
                store?: string;
                /** @description The query ends after this time (`30s` if it is left out, at most `5m`) with what it has found. */
                timeout?: string;
                /** @description At most so many shapes, the most frequent ones. */
                limit?: number;
                /** @description In so many equal parts of the range each shape is counted. */
                buckets?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Patterns"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getQueuesNamePeek: {
        parameters: {
            query?: {
                /** @description At most so many events. */
                limit?: number;
            };
            header?: never;
            path: {
                /** @description The name of the queue. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description Oldest first. */
                        events: components["schemas"]["Event"][];
                    };
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    postQueuesNamePurge: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The name of the queue. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Dropped"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getRescue: {
        parameters: {
            query?: {
                /** @description Only what is of this shipper or machine. */
                sink?: string;
                /** @description Only what is there for this reason. */
                reason?: string;
                /** @description At most so many entries. */
                limit?: number;
                /** @description The `cursor` of the page before: this page goes on behind it. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Rescued"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    postRescueDiscard: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Which"];
            };
        };
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Discarded"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    postRescueReplay: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Which"];
            };
        };
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Replayed"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getSaved: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Listed"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    postSaved: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Search"];
            };
        };
        responses: {
            /** @description The answer. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SavedSearch"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    putSavedName: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The name of the saved search. */
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Search"];
            };
        };
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SavedSearch"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteSavedName: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The name of the saved search. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getSearch: {
        parameters: {
            query?: {
                /** @description The query; an empty one finds everything. */
                q?: string;
                /** @description Events from this moment on, for example `now-15m`. */
                from?: string;
                /** @description Events before this moment. */
                to?: string;
                /** @description The shipper whose store is asked; if it is left out, the one that the configuration names. */
                store?: string;
                /** @description The query ends after this time (`30s` if it is left out, at most `5m`) with what it has found. */
                timeout?: string;
                /** @description At most so many events. */
                limit?: number;
                /** @description The `cursor` of the page before: this page goes on behind it. */
                cursor?: string;
                /** @description Which events come first. */
                order?: "newest" | "oldest";
                /** @description Tells where the message of each event has what was searched for. */
                highlight?: "0" | "1" | "false" | "true";
                /** @description So many characters of each message are sent; one that is longer tells its length in `message_cut`. */
                max_message?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getSpan: {
        parameters: {
            query?: {
                /** @description The shipper whose store is asked; if it is left out, the one that the configuration names. */
                store?: string;
                /** @description The query ends after this time (`30s` if it is left out, at most `5m`) with what it has found. */
                timeout?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Extent"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getStatus: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getStatusFeed: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": unknown;
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getTail: {
        parameters: {
            query?: {
                /** @description The query; an empty one follows everything. */
                q?: string;
                /** @description The shipper whose store is followed. */
                store?: string;
                /** @description At most so many events a second; of what else comes only the number is told. */
                rate?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": unknown;
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getTop: {
        parameters: {
            query: {
                /** @description The query; an empty one finds everything. */
                q?: string;
                /** @description Events from this moment on, for example `now-15m`. */
                from?: string;
                /** @description Events before this moment. */
                to?: string;
                /** @description The shipper whose store is asked; if it is left out, the one that the configuration names. */
                store?: string;
                /** @description The query ends after this time (`30s` if it is left out, at most `5m`) with what it has found. */
                timeout?: string;
                /** @description The field. */
                field: string;
                /** @description At most so many values. */
                limit?: number;
                /** @description Only values that begin with it, in any case. */
                prefix?: string;
                /** @description Only values that hold it, in any case. */
                contains?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Top"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    postUpload: {
        parameters: {
            query?: {
                /** @description What the file is called; its events say it as a part of `peer`. */
                name?: string;
                /** @description The exchange to which its lines are published; if it is left out, that of the first listener. */
                exchange?: string;
                /** @description What the lines look like; with `auto` loggr looks at each of them. */
                format?: "auto" | "rfc5424" | "rfc3164" | "json";
                /** @description The host of lines that name none. */
                host?: string;
                /** @description The program of lines that name none. */
                app?: string;
                /** @description The year of times that are written without one; with 0 or without it, the latest that is possible. */
                year?: number;
                /** @description The time zone of times that are written without one, for example `Europe/Berlin` or `+02:00`; if it is left out, that of the first listener. */
                timezone?: string;
                /** @description So many lines at the beginning are left out; for a file of which an earlier upload has taken so many. */
                skip?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/octet-stream": unknown;
            };
        };
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": unknown;
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getValues: {
        parameters: {
            query: {
                /** @description The query; an empty one finds everything. */
                q?: string;
                /** @description Events from this moment on, for example `now-15m`. */
                from?: string;
                /** @description Events before this moment. */
                to?: string;
                /** @description The shipper whose store is asked; if it is left out, the one that the configuration names. */
                store?: string;
                /** @description The query ends after this time (`30s` if it is left out, at most `5m`) with what it has found. */
                timeout?: string;
                /** @description The field. */
                field: string;
                /** @description At most so many values. */
                limit?: number;
                /** @description Only values that begin with it, in any case. */
                prefix?: string;
                /** @description Only values that hold it, in any case. */
                contains?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Top"];
                };
            };
            /** @description What went wrong. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
