%% Runs scenarios against the supervisor of this Erlang/OTP and writes down what it does.
%%
%% The process of main/1, called the runner, is the parent of every top supervisor. A step is made
%% like this: the supervisor that it concerns is suspended; the messages of the step are put into
%% its mailbox, one after another, each seen there before the next is sent; the supervisor goes on;
%% and the runner waits until nothing moves (see wait_until_quiet). So there is no sleep and no race.
%%
%% Two tables hold what is known of the scenario that runs:
%%   trace: {1, Event}, {2, Event}, ...   in the order in which the events happened
%%   facts: {{supervisor, Path}, Pid}     the newest supervisor of that path
%%          {{worker, Path}, Pid}         the newest worker of that path, and the way back:
%%          {{path, Pid}, Path}
%%          {{attempts, Path}, Count}     how often the start function of that path was called
%%          {{dynamic, Path}, true}       the supervisor of that path is a simple_one_for_one
%%          {during, Answers}             of the steps made inside start functions, newest first
%%          {ended, How}                  of the top supervisor
-module(recorder).
-behaviour(supervisor).

-export([main/1]).
-export([init/1, start_worker/2, start_nested/2, start_pooled/5]).
-export([log/2]).

%% Reads the scenarios (one Erlang term: a list of maps) from In; writes one line
%% of JSON for each to Out, after a first one with the version of OTP.
main(Files) ->
    try record_all(Files) of
        ok -> halt(0)
    catch
        Kind:Reason:Stack ->
            io:format(standard_error, "~p ~p~n~p~n", [Kind, Reason, Stack]),
            halt(1)
    end.

record_all([In, Out]) ->
    process_flag(trap_exit, true),
    register(runner, self()),
    listen_to_reports(),
    {ok, [Scenarios]} = file:consult(In),
    Lines = [version() | [record(Scenario) || Scenario <- Scenarios]],
    file:write_file(Out, [[json(Line), $\n] || Line <- Lines]).

%%% Scenarios and their records

record(#{<<"supervisor">> := Spec, <<"steps">> := Steps}) ->
    trace = ets:new(trace, [named_table, public, ordered_set]),
    facts = ets:new(facts, [named_table, public, set]),
    Boot = boot(Spec),
    Records = [step(Step) || Step <- Steps],
    clean_up(),
    #{boot => Boot, records => Records}.

version() ->
    Release = erlang:system_info(otp_release),
    {ok, Text} = file:read_file(filename:join([code:root_dir(), "releases", Release, "OTP_VERSION"])),
    string:trim(Text).

boot(Spec) ->
    case supervisor:start_link(?MODULE, {<<>>, Spec}) of
        {ok, _} ->
            wait_until_quiet(nobody),
            happened(0, <<"ok">>);
        {error, Reason} ->
            remember(ended, start_failed),
            maps:put(culprit, culprit(Reason), happened(0, <<"failed">>))
    end.

%% The path of the child that could not be started, from the error that came up.
culprit({shutdown, {failed_to_start_child, Name, Reason}}) ->
    case culprit(Reason) of
        <<>> -> Name;
        Below -> <<Name/binary, "/", Below/binary>>
    end;
culprit(_) ->
    <<>>.

%% Makes one step and tells what happened from then until all was quiet again.
step(Step) ->
    Length = ets:info(trace, size),
    true = ets:insert(facts, {during, []}),
    Answer = make(Step, nobody),
    happened(Length, Answer).

happened(Length, Answer) ->
    Events = [Event || {N, Event} <- ets:tab2list(trace), N > Length],
    During = [collect(Pending) || Pending <- lists:reverse(recall(during, []))],
    Record = #{trace => sort_parallel_stops(Events), answer => Answer, state => state(),
               ended => recall(ended, null)},
    case During of
        [] -> Record;
        _ -> Record#{during => During}
    end.

%% The children of a dynamic supervisor are stopped all at once: their order means nothing.
sort_parallel_stops([[stop, Path] | _] = Events) ->
    case is_in_dynamic(Path) of
        true ->
            IsSibling = fun(Event) -> is_stop_beside(Path, Event) end,
            {Stops, Rest} = lists:splitwith(IsSibling, Events),
            lists:sort(Stops) ++ sort_parallel_stops(Rest);
        false ->
            [hd(Events) | sort_parallel_stops(tl(Events))]
    end;
sort_parallel_stops([Event | Rest]) ->
    [Event | sort_parallel_stops(Rest)];
sort_parallel_stops([]) ->
    [].

is_stop_beside(Path, [stop, Other]) -> parent(Other) =:= parent(Path);
is_stop_beside(_, _) -> false.

is_in_dynamic(Path) -> recall({dynamic, parent(Path)}, false).

%% Ends what the scenario left running. Nothing of it is recorded.
clean_up() ->
    case alive(<<>>) of
        nobody -> ok;
        Top -> exit(Top, shutdown), await(fun() -> not is_process_alive(Top) end)
    end,
    flush(),
    ets:delete(trace),
    ets:delete(facts).

flush() ->
    receive _ -> flush() after 0 -> ok end.

%%% Steps

%% Makes a step, by itself or as part of a `together' that holds a supervisor above already (Outer);
%% returns its answer when all supervisors but the held one are quiet.
make(#{<<"do">> := <<"together">>, <<"steps">> := Steps}, nobody) ->
    Target = highest([supervisor_of(Step) || Step <- Steps]),
    Held = hold(Target),
    Pending = [put_in(Step, Target, Held) || Step <- Steps],
    release(Held),
    wait_until_quiet(nobody),
    [collect(Answer) || Answer <- Pending];
make(Step, Outer) ->
    Held = hold(supervisor_of(Step)),
    Pending = deliver(Step, Held),
    release(Held),
    wait_until_quiet(Outer),
    collect(Pending).

%% One step of a `together': into the mailbox of the held supervisor, or made at once if it is for one below.
put_in(Step, Target, Held) ->
    case supervisor_of(Step) of
        Target -> deliver(Step, Held);
        _ -> {now, make(Step, Held)}
    end.

highest(Paths) ->
    hd(lists:sort(fun(A, B) -> byte_size(A) =< byte_size(B) end, Paths)).

supervisor_of(#{<<"child">> := Path}) -> parent(Path);
supervisor_of(#{<<"supervisor">> := Path}) -> Path;
supervisor_of(_) -> <<>>.

%% Suspends the supervisor of that path. Its nested supervisors are kept with it: should one of
%% them end meanwhile, the news is in the mailbox before anything else is done.
hold(Path) ->
    case alive(Path) of
        nobody ->
            nobody;
        Pid ->
            true = erlang:suspend_process(Pid),
            {Pid, [Below || {Child, Below} <- supervisors(), parent(Child) =:= Path, Child =/= <<>>,
                            is_process_alive(Below)]}
    end.

release(nobody) -> ok;
release({Pid, _}) -> true = erlang:resume_process(Pid).

%% Puts the message of one step into the mailbox of the held supervisor and waits until it is there.
%% The result is the answer, or a note of where it will come from.
deliver(#{<<"do">> := <<"exit">>, <<"child">> := Path, <<"how">> := How}, Held) ->
    Pid = recall({worker, Path}, none),
    case Held =/= nobody andalso is_pid(Pid) andalso is_process_alive(Pid) of
        true ->
            Pid ! {die, binary_to_atom(How)},
            await(fun() -> has_exit_of(Pid, Held) end),
            {now, null};
        false ->
            {now, <<"absent">>}
    end;
deliver(_, nobody) ->
    {now, <<"ended">>};
deliver(#{<<"do">> := <<"shutdown">>}, {Pid, _}) ->
    %% This is what a supervisor finds in its mailbox when its parent sends it an exit signal. As a plain
    %% message it can be sent by anybody, and cannot overtake what is there already.
    Pid ! {'EXIT', whereis(runner), {shutdown, asked}},
    {now, null};
deliver(Step, {Pid, _} = Held) ->
    Tag = make_ref(),
    Caller = spawn(fun() -> whereis(runner) ! {Tag, answer(fun() -> call(Step, Pid) end)} end),
    await(fun() -> has_call_of(Caller, Held) end),
    {later, Tag}.

collect({now, Answer}) -> Answer;
collect({later, Tag}) -> receive {Tag, Answer} -> Answer end.

has_exit_of(Pid, {Holder, _}) ->
    lists:any(fun({'EXIT', Gone, _}) -> Gone =:= Pid; (_) -> false end, mailbox(Holder)).

has_call_of(Pid, {Holder, _}) ->
    lists:any(fun({'$gen_call', {Caller, _}, _}) -> Caller =:= Pid; (_) -> false end, mailbox(Holder)).

mailbox(Pid) ->
    {messages, Messages} = process_info(Pid, messages),
    Messages.

await(IsSo) ->
    case IsSo() of
        true -> ok;
        false -> erlang:yield(), await(IsSo)
    end.

%%% Management calls

%% What is none of our words makes json/1 fail, and the recording with it.
answer(Call) ->
    try Call() catch
        exit:_ -> <<"ended">>;
        error:Reason:Stack -> {Reason, Stack}
    end.

call(#{<<"do">> := <<"start_child">>, <<"name">> := Name} = Step, Pid) ->
    #{<<"args">> := Args, <<"fails">> := Fails} = Step,
    word(supervisor:start_child(Pid, [Name, Args, Fails]));
call(#{<<"do">> := <<"start_child">>, <<"spec">> := Spec} = Step, Pid) ->
    word(supervisor:start_child(Pid, child_spec(supervisor_of(Step), Spec)));
call(#{<<"do">> := <<"start">>, <<"child">> := Path}, Pid) ->
    start_word(supervisor:restart_child(Pid, name(Path)));
call(#{<<"do">> := <<"stop">>, <<"child">> := Path}, Pid) ->
    word(supervisor:terminate_child(Pid, handle(Path, Pid)));
call(#{<<"do">> := <<"delete">>, <<"child">> := Path}, Pid) ->
    word(supervisor:delete_child(Pid, name(Path)));
call(#{<<"do">> := <<"spec">>, <<"child">> := Path}, Pid) ->
    spec_word(supervisor:get_childspec(Pid, handle(Path, Pid)));
call(#{<<"do">> := <<"count">>}, Pid) ->
    maps:from_list(supervisor:count_children(Pid));
call(#{<<"do">> := <<"which">>} = Step, Pid) ->
    Entries = [entry(Child) || Child <- supervisor:which_children(Pid)],
    case recall({dynamic, supervisor_of(Step)}, false) of
        true -> lists:sort(Entries);
        false -> Entries
    end.

%% A child of a dynamic supervisor is addressed by its pid. OTP takes any dead pid for a child that it had; so
%% one whose end was taken in already, or that never was, is asked for by a living pid that is no child.
handle(Path, Above) ->
    case is_in_dynamic(Path) of
        true -> known_pid(recall({worker, Path}, none), Above);
        false -> name(Path)
    end.

known_pid(none, _) ->
    self();
known_pid(Pid, Above) ->
    case is_process_alive(Pid) orelse has_exit_of(Pid, {Above, []}) of
        true -> Pid;
        false -> self()
    end.

word({ok, _}) -> <<"ok">>;
word(ok) -> <<"ok">>;
word({error, {already_started, Pid}}) when is_pid(Pid) -> <<"already_running">>;
word({error, {already_started, {restarting, _}}}) -> <<"already_restarting">>;
word({error, already_present}) -> <<"already_present">>;
word({error, not_found}) -> <<"not_found">>;
word({error, running}) -> <<"running">>;
word({error, restarting}) -> <<"restarting">>;
word({error, simple_one_for_one}) -> <<"dynamic">>;
word({error, Reason}) -> failed_word(Reason).

%% The error of start_child has the spec beside the reason; that of restart_child has not.
failed_word({Reason, Spec}) when element(1, Spec) =:= child -> failed_word(Reason);
failed_word(refused) -> <<"failed">>;
failed_word({shutdown, {failed_to_start_child, _, _}}) -> <<"failed">>.

%% For restart_child, `running' is the word that start_child has another for.
start_word({error, running}) -> <<"already_running">>;
start_word(Answer) -> word(Answer).

spec_word({ok, #{restart := Restart, significant := Significant}}) ->
    #{restart => Restart, significant => Significant};
spec_word(Answer) ->
    word(Answer).

%%% Waiting until nothing moves

%% Every supervisor answers a call, with an empty mailbox and none but living children, twice in a row, and
%% the trace did not grow between. A retry is a message of a supervisor to itself that is there before the
%% second call, and each leaves an event; the end of a nested supervisor shows as a dead child until it is
%% taken in.
wait_until_quiet(Held) ->
    wait_until_quiet(Held, look(Held)).

wait_until_quiet(Held, Before) ->
    case look(Held) of
        Before when is_tuple(Before) -> ok;
        Now -> wait_until_quiet(Held, Now)
    end.

look(Held) ->
    Length = ets:info(trace, size),
    Views = [look_at(Path, Pid, Held) || {Path, Pid} <- lists:sort(supervisors())],
    case lists:member(moving, Views) of
        true -> moving;
        false -> {Length, Views}
    end.

look_at(_, Pid, {Pid, Below}) ->
    %% The held one: all is well when it has the news of every end below.
    HasNews = fun(One) -> is_process_alive(One) orelse has_exit_of(One, {Pid, Below}) end,
    case lists:all(HasNews, Below) of
        true -> held;
        false -> moving
    end;
look_at(Path, Pid, _) ->
    case is_process_alive(Pid) of
        true -> look_inside(Pid);
        false -> look_at_end(Path, Pid)
    end.

look_inside(Pid) ->
    try supervisor:which_children(Pid) of
        Children ->
            IsIdle = process_info(Pid, message_queue_len) =:= {message_queue_len, 0},
            case IsIdle andalso lists:all(fun is_settled/1, Children) of
                true -> {Pid, Children};
                false -> moving
            end
    catch
        exit:_ -> moving
    end.

is_settled({_, Pid, _, _}) when is_pid(Pid) -> is_process_alive(Pid);
is_settled({_, Word, _, _}) -> Word =/= restarting.

%% A nested supervisor that ended is looked for among the children of the one above. The end of the top one is
%% news for the runner, which waits for it here.
look_at_end(<<>>, Pid) ->
    case recall(ended, null) of
        null -> receive {'EXIT', Pid, Reason} -> remember(ended, how(Reason)) end;
        _ -> ok
    end,
    ended;
look_at_end(_, _) ->
    ended.

how({shutdown, asked}) ->
    asked;
how(shutdown) ->
    case ets:match(trace, {'_', [gave_up, <<>> | '_']}) of
        [] -> auto_shutdown;
        _ -> gave_up
    end.

%%% What is there now

state() ->
    maps:from_list([{Path, entries(Path, Pid)} || {Path, Pid} <- supervisors(), is_process_alive(Pid)]).

%% In start order; those of a dynamic supervisor have none and are sorted.
entries(Path, Pid) ->
    Entries = [entry(Child) || Child <- supervisor:which_children(Pid)],
    case recall({dynamic, Path}, false) of
        true -> lists:sort(Entries);
        false -> lists:reverse(Entries)
    end.

entry({undefined, Pid, _, _}) when is_pid(Pid) -> [name(recall({path, Pid}, <<>>)), up];
entry({undefined, restarting, _, _}) -> [<<"?">>, restarting];
entry({Name, Pid, _, _}) when is_pid(Pid) -> [Name, up];
entry({Name, undefined, _, _}) -> [Name, down];
entry({Name, restarting, _, _}) -> [Name, restarting].

supervisors() -> [{Path, Pid} || {{supervisor, Path}, Pid} <- ets:tab2list(facts)].

alive(Path) ->
    Pid = recall({supervisor, Path}, none),
    case is_pid(Pid) andalso is_process_alive(Pid) of
        true -> Pid;
        false -> nobody
    end.

%%% Supervisors: init runs in the new supervisor, the start functions in the one above

init({Path, Spec}) ->
    put(path, Path),
    remember({supervisor, Path}, self()),
    {ok, {flags(Spec), children(Path, Spec)}}.

flags(#{<<"max_restarts">> := Most, <<"window">> := Window} = Spec) ->
    Flags = #{intensity => Most, period => Window},
    case Spec of
        #{<<"template">> := _} ->
            Flags#{strategy => simple_one_for_one};
        #{<<"strategy">> := Strategy, <<"auto_shutdown">> := Auto} ->
            Flags#{strategy => binary_to_atom(Strategy), auto_shutdown => binary_to_atom(Auto)}
    end.

children(Path, #{<<"template">> := #{<<"restart">> := Restart, <<"args">> := Args}}) ->
    remember({dynamic, Path}, true),
    [#{id => template, start => {?MODULE, start_pooled, [Path, Args]}, restart => binary_to_atom(Restart)}];
children(Path, #{<<"children">> := Children}) ->
    [child_spec(Path, Child) || Child <- Children].

child_spec(Above, #{<<"name">> := Name} = Child) ->
    #{<<"restart">> := Restart, <<"significant">> := Significant} = Child,
    Common = #{id => Name, restart => binary_to_atom(Restart), significant => Significant},
    Path = join(Above, Name),
    case Child of
        #{<<"supervisor">> := Spec} ->
            Common#{start => {?MODULE, start_nested, [Path, Spec]}, type => supervisor};
        _ ->
            Common#{start => {?MODULE, start_worker, [Path, Child]}}
    end.

start_nested(Path, Spec) ->
    case supervisor:start_link(?MODULE, {Path, Spec}) of
        {ok, Pid} -> trace([up, Path]), {ok, Pid};
        {error, Reason} -> trace([start_failed, Path]), {error, Reason}
    end.

%%% Workers

start_worker(Path, #{<<"fails">> := Fails, <<"during">> := During}) ->
    attempt(Path, Fails, During, []).

%% Of a dynamic supervisor: its path and the arguments of the template; then those of start_child.
start_pooled(Above, Args, Name, More, Fails) ->
    attempt(join(Above, Name), Fails, #{}, [Args ++ More]).

attempt(Path, Fails, During, Shown) ->
    N = ets:update_counter(facts, {attempts, Path}, 1, {{attempts, Path}, 0}),
    make_during(maps:get(integer_to_binary(N), During, [])),
    case lists:member(N, Fails) of
        true ->
            trace([start_failed, Path | Shown]),
            {error, refused};
        false ->
            Pid = start_process(Path),
            trace([start, Path | Shown]),
            {ok, Pid}
    end.

%% We are in the supervisor that starts the child: what comes now it finds in its mailbox afterwards.
make_during([]) ->
    ok;
make_during(Steps) ->
    Pending = [deliver(Step, {self(), []}) || Step <- Steps],
    remember(during, lists:reverse(Pending) ++ recall(during, [])).

start_process(Path) ->
    Above = self(),
    Pid = spawn_link(fun() -> process_flag(trap_exit, true), Above ! {ready, self()}, work(Path, Above) end),
    remember({worker, Path}, Pid),
    remember({path, Pid}, Path),
    receive {ready, Pid} -> Pid end.

work(Path, Above) ->
    receive
        {die, Reason} -> exit(Reason);
        {'EXIT', Above, Reason} -> trace([stop, Path]), exit(Reason)
    end.

%%% Reports of supervisors: a handler of the logger is called in the process that reports

listen_to_reports() ->
    ok = logger:remove_handler(default),
    ok = logger:add_handler(recorder, ?MODULE, #{}).

log(#{msg := {report, #{report := Report}}}, _) when is_list(Report) ->
    case lists:keyfind(reason, 1, Report) of
        {reason, reached_max_restart_intensity} -> trace([gave_up, get(path), offender(Report)]);
        _ -> ok
    end;
log(_, _) ->
    ok.

%% The name of the child for which there was one restart too many.
offender(Report) ->
    {offender, Child} = lists:keyfind(offender, 1, Report),
    case {lists:keyfind(id, 1, Child), lists:keyfind(pid, 1, Child)} of
        {{id, Name}, _} when is_binary(Name) -> Name;
        {_, {pid, {restarting, Pid}}} -> name(recall({path, Pid}, <<>>));
        {_, {pid, Pid}} -> name(recall({path, Pid}, <<>>))
    end.

%%% Small things

trace(Event) ->
    true = ets:insert_new(trace, {ets:update_counter(facts, events, 1, {events, 0}), Event}).

remember(Key, Value) ->
    true = ets:insert(facts, {Key, Value}).

recall(Key, Default) ->
    case ets:lookup(facts, Key) of
        [{_, Value}] -> Value;
        [] -> Default
    end.

join(<<>>, Name) -> Name;
join(Above, Name) -> <<Above/binary, "/", Name/binary>>.

parent(Path) ->
    iolist_to_binary(lists:join("/", lists:droplast(binary:split(Path, <<"/">>, [global])))).

name(Path) -> lists:last(binary:split(Path, <<"/">>, [global])).

json(Map) when is_map(Map) ->
    Pairs = [[json(text(Key)), $:, json(Value)] || {Key, Value} <- lists:sort(maps:to_list(Map))],
    [${, lists:join($,, Pairs), $}];
json(List) when is_list(List) -> [$[, lists:join($,, [json(One) || One <- List]), $]];
json(Text) when is_binary(Text) -> [$", Text, $"];
json(Number) when is_integer(Number) -> integer_to_binary(Number);
json(Word) when Word =:= true; Word =:= false; Word =:= null -> atom_to_binary(Word);
json(Word) when is_atom(Word) -> json(atom_to_binary(Word)).

text(Key) when is_atom(Key) -> atom_to_binary(Key);
text(Key) -> Key.
